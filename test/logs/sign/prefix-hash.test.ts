import { createHash } from "node:crypto";
import { appendFileSync, copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prefixHash } from "../../../src/logs/sign/prefix-hash.ts";
import type { InputPosition } from "../../../src/logs/sign/state.ts";
import { scratch } from "../../support/scratch.ts";
import { recordsIn, signIn, stateOf, stdinOf } from "./parts.ts";

const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** So long that five of them are a stretch, and no two are the same. */
const LINE = 1 << 20;
const line = (n: number) => `${String(n).padEnd(LINE - 1, "x")}\n`;
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => line(from + n)).join("");
const numbersIn = (directory: string) => recordsIn(directory).map((record) => Number.parseInt(record, 10));
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

function positions(directory: string): InputPosition[] {
  return (JSON.parse(readFileSync(stateOf(directory), "utf8")) as { inputs: InputPosition[] }).inputs;
}

/** a.log with twelve lines, signed in batches of five: two stretches, and two lines more. */
async function signed(): Promise<string> {
  const directory = scratch();
  writeFileSync(join(directory, "a.log"), lines(0, 12));
  await signIn(directory, ["a.log"], { maxRecords: 5 });
  return directory;
}

describe("the hash of an input's first bytes", () => {
  test("is theirs, or that over the hashes of their stretches", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { maxLength: 6 }), (parts) => {
        const [added, cut, one] = [prefixHash(), prefixHash(), prefixHash()];
        for (const part of parts) {
          added.add(part.length, Buffer.from(hex(part), "hex"));
          cut.cut();
          cut.update(part);
          one.update(part);
        }
        expect(one.digest()).toEqual({ sha256: hex(Buffer.concat(parts)) });
        expect(added.digest()).toEqual(cut.digest());
        const over = hex(Buffer.concat(parts.map((part) => Buffer.from(hex(part), "hex"))));
        expect(added.digest()).toEqual(
          parts.length < 2
            ? { sha256: hex(Buffer.concat(parts)) }
            : { sha256: over, stretches: parts.map(({ length }) => length) },
        );
      }),
    );
  });
});

describe("an input whose batches are stretches of it", () => {
  test("is known by them, and goes on after them", async () => {
    const directory = await signed();
    const [position] = positions(directory);
    const all = readFileSync(join(directory, "a.log"));
    const parts = [all.subarray(0, 5 * LINE), all.subarray(5 * LINE, 10 * LINE), all.subarray(10 * LINE)];
    expect(position?.stretches).toEqual(parts.map(({ length }) => length));
    expect(position?.sha256).toBe(hex(Buffer.concat(parts.map((part) => Buffer.from(hex(part), "hex")))));
    // the last stretch goes on, then there is another
    appendFileSync(join(directory, "a.log"), lines(12, 13));
    await signIn(directory, ["a.log"], { maxRecords: 5 });
    expect(positions(directory)[0]?.stretches).toEqual([5 * LINE, 5 * LINE, 3 * LINE]);
    appendFileSync(join(directory, "a.log"), lines(13, 18));
    expect(await signIn(directory, ["a.log"], { maxRecords: 5 })).toMatchObject({ signed: { records: 5 } });
    expect(positions(directory)[0]?.stretches).toEqual([5 * LINE, 5 * LINE, 3 * LINE, 5 * LINE]);
    expect(numbersIn(directory)).toEqual(numbers(18));
  });

  test("is found under another name, by a run that follows too", async () => {
    const directory = await signed();
    renameSync(join(directory, "a.log"), join(directory, "a.log.1"));
    writeFileSync(join(directory, "a.log"), line(12));
    await signIn(directory, ["a.log.1", "a.log"], { maxRecords: 5 });
    expect(numbersIn(directory)).toEqual(numbers(13));
    appendFileSync(join(directory, "a.log"), lines(13, 14));
    const ending = new AbortController();
    const onBatch = () => ending.abort();
    await signIn(directory, ["a.log"], { follow: true, maxRecords: 1, onBatch, signal: ending.signal });
    expect(numbersIn(directory)).toEqual(numbers(14));
    expect(positions(directory).find(({ lines: count }) => count === 12)?.stretches).toHaveLength(3);
  });

  test.each([0, 4, 5, 9, 10, 11])("is refused where line %j was changed", async (n) => {
    const directory = await signed();
    const path = join(directory, "a.log");
    const text = readFileSync(path, "latin1");
    const at = n * LINE + 1000;
    writeFileSync(path, `${text.slice(0, at)}y${text.slice(at + 1)}${line(12)}`);
    const run = signIn(directory, ["a.log"], { maxRecords: 5 });
    await expect(run).rejects.toMatchObject({
      code: "input",
      message: expect.stringContaining("changed within its first 12 lines") as string,
    });
    writeFileSync(path, `${text}${line(12)}`);
    expect(await signIn(directory, ["a.log"])).toMatchObject({ signed: { records: 1 } });
  });

  test("is refused where two of them were swapped", async () => {
    const directory = await signed();
    writeFileSync(join(directory, "a.log"), lines(5, 10) + lines(0, 5) + lines(10, 12));
    await expect(signIn(directory, ["a.log"])).rejects.toMatchObject({ code: "input" });
  });

  test("goes on where standard input repeats it, and is refused where that differs", async () => {
    const directory = scratch();
    const read = async (text: string) =>
      signIn(directory, ["-"], { maxRecords: 5, stdin: stdinOf(...(text.match(/[^]{1,3000000}/g) ?? [])) });
    await read(lines(0, 12));
    expect(positions(directory)[0]?.stretches).toHaveLength(3);
    await read(lines(0, 14));
    expect(numbersIn(directory)).toEqual(numbers(14));
    const changed = lines(0, 3) + lines(4, 5) + lines(4, 15);
    await expect(read(changed)).rejects.toMatchObject({ code: "input" });
    await expect(read(lines(0, 11))).rejects.toMatchObject({ code: "input" });
    expect(numbersIn(directory)).toEqual(numbers(14));
  });

  test("has none in a batch that holds lines of two inputs", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), lines(0, 6));
    writeFileSync(join(directory, "b.log"), lines(6, 16));
    await signIn(directory, ["a.log", "b.log"], { maxRecords: 10 });
    // b.log: four lines after those of a.log, then six in a batch of their own
    expect(positions(directory).map(({ stretches }) => stretches)).toEqual([undefined, [4 * LINE, 6 * LINE]]);
    for (const name of ["a.log", "b.log"]) copyFileSync(join(directory, name), join(directory, `${name}.1`));
    expect(await signIn(directory, ["a.log.1", "b.log.1"])).toMatchObject({ signed: { records: 0 } });
    writeFileSync(join(directory, "b.log"), lines(6, 9) + lines(10, 11) + lines(10, 16));
    await expect(signIn(directory, ["b.log"])).rejects.toMatchObject({ code: "input" });
  });
});

describe("a signer's state", () => {
  test("of the first form is gone on with", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\nb\n");
    await signIn(directory, ["a.log"]);
    const state = readFileSync(stateOf(directory), "utf8");
    expect(state).toContain("fleetsec.signer-state/v2");
    writeFileSync(stateOf(directory), state.replace("signer-state/v2", "signer-state/v1"));
    appendFileSync(join(directory, "a.log"), "c\n");
    await signIn(directory, ["a.log"]);
    expect(recordsIn(directory)).toEqual(["a", "b", "c"]);
  });

  test.each([[[]], [[4]], [[1, 2]], [[1, -1, 4]], [[0, 4]], [[1.5, 2.5]], ["4"]])(
    "is damaged with the stretches %j of four bytes",
    async (stretches) => {
      const directory = scratch();
      writeFileSync(join(directory, "a.log"), "a\nb\n");
      await signIn(directory, ["a.log"]);
      const state = JSON.parse(readFileSync(stateOf(directory), "utf8")) as { inputs: object[] };
      writeFileSync(
        stateOf(directory),
        JSON.stringify({ ...state, inputs: [{ ...state.inputs[0], stretches }] }),
      );
      await expect(signIn(directory, ["a.log"])).rejects.toMatchObject({ code: "state" });
    },
  );
});
