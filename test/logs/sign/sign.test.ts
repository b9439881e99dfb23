import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseLeaf } from "../../../src/logs/leaf.ts";
import { EMPTY_ROOT } from "../../../src/logs/merkle.ts";
import type { MemoryTree } from "../../support/memory-files.ts";
import { scratch } from "../../support/scratch.ts";
import {
  leavesOf,
  modelSigner,
  modelStore,
  readStore,
  recordArbitrary,
  summaryOf,
  type ModelBatch,
} from "../store-model.ts";
import { inMemory, recordsIn, signIn, START, stdinOf, stoppedClock, storeIn } from "./parts.ts";

const time = START / 1000;
const at = (...texts: string[]): ModelBatch[] =>
  texts.map((text) => ({ data: Buffer.from(text), from: time, to: time }));

describe("the store", () => {
  test("is byte for byte that of the model, however the input grew and was cut into batches", async () => {
    const runs = fc.array(fc.array(recordArbitrary, { maxLength: 10 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(runs, fc.integer({ min: 1, max: 7 }), async (growth, maxRecords) => {
        const tree: MemoryTree = new Map();
        const expected: ModelBatch[] = [];
        const clock = stoppedClock();
        let input = Buffer.alloc(0);
        for (const [i, records] of growth.entries()) {
          clock.set(START + i * 60_000);
          const lines = records.map((record) => Buffer.concat([record, Buffer.from("\n")]));
          input = Buffer.concat([input, ...lines]);
          tree.set("/d/a.log", input);
          for (let from = 0; from < lines.length; from += maxRecords) {
            const data = Buffer.concat(lines.slice(from, from + maxRecords));
            expected.push({ data, from: time + i * 60, to: time + i * 60 });
          }
          const { size } = await signIn("/d", ["a.log"], { ...inMemory(tree), clock, maxRecords });
          expect(size).toBe(expected.length);
        }
        expect(summaryOf(storeIn(tree, "/d"))).toEqual(summaryOf(await modelStore(expected)));
      }),
      { numRuns: 30 },
    );
  });

  test("loses its partial tiles when they are full", async () => {
    const lines = Array.from({ length: 258 }, (_, i) => `${i}\n`);
    const tree: MemoryTree = new Map([["/d/a.log", Buffer.from(lines.join(""))]]);
    await signIn("/d", ["a.log"], { ...inMemory(tree), maxRecords: 1 });
    expect(summaryOf(storeIn(tree, "/d"))).toEqual(summaryOf(await modelStore(at(...lines))));
  });

  test("is signed by every key", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\n");
    const signers = [modelSigner(), modelSigner("fleet.internal/other")] as const;
    await signIn(directory, ["a.log"], { signers });
    expect(readFileSync(join(directory, "store", "checkpoint"), "utf8").match(/^— /gm)).toHaveLength(2);
  });

  test("is not begun without records", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "");
    const result = await signIn(directory, ["a.log"]);
    expect(result).toMatchObject({ size: 0, root: EMPTY_ROOT, signed: { batches: 0 } });
    expect(readdirSync(directory)).toEqual(["a.log"]);
  });
});

describe("records", () => {
  test.each([
    ["without a newline at the end", "a\nb", ["a", "b"]],
    ["with carriage returns", "a\r\nb\r\n", ["a\r", "b\r"]],
    ["that are empty", "\n\na\n\n", ["", "", "a", ""]],
    ["with NUL and other control characters", "a\0\u0007\n", ["a\0\u0007"]],
  ])("%s are kept as they are", async (_, text, records) => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), text);
    const { signed } = await signIn(directory, ["a.log"]);
    expect(signed).toEqual({ batches: 1, records: records.length, bytes: Buffer.byteLength(text) });
    expect(readFileSync(join(directory, "store/fleetsec/batch/000.jsonl"), "utf8")).toBe(text);
    expect(recordsIn(directory)).toEqual(records);
  });

  test("that are not UTF-8 are kept as they are", async () => {
    const directory = scratch();
    const bytes = Buffer.from([0xff, 0xfe, 0x0a, 0xc3, 0x28, 0x0a]);
    writeFileSync(join(directory, "a.log"), bytes);
    await signIn(directory, ["a.log"]);
    expect(readFileSync(join(directory, "store/fleetsec/batch/000.jsonl"))).toEqual(bytes);
  });

  const MiB = 1 << 20;
  test.each([0, 1, MiB - 1, MiB])("of up to 1 MiB are taken: %i bytes before one", async (before) => {
    const directory = scratch();
    const text = `${"b".repeat(before)}\n${"a".repeat(MiB)}\n`;
    writeFileSync(join(directory, "a.log"), text);
    expect(await signIn(directory, ["a.log"])).toMatchObject({ signed: { records: 2 } });
    expect(readFileSync(join(directory, "store/fleetsec/batch/000.jsonl"), "utf8") === text).toBe(true);
  });

  test.each([
    ["with a newline", "\n"],
    ["at the end", ""],
  ])("longer than 1 MiB %s are refused by line, and nothing is written", async (_, end) => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), `a\nb\n${"a".repeat(MiB + 1)}${end}`);
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("line 3 is longer than 1048576 bytes");
    expect(readdirSync(directory)).toEqual(["a.log"]);
  });

  test("that are endless cost no memory", { timeout: 180_000 }, async () => {
    const directory = scratch();
    let chunks = 0;
    const endless = {
      ...stdinOf(),
      async *[Symbol.asyncIterator]() {
        for (; chunks < 10_000; chunks += 1) yield Buffer.alloc(65_536, "a");
      },
    };
    await expect(signIn(directory, ["-"], { stdin: endless })).rejects.toMatchObject({ code: "input" });
    expect(chunks).toBeLessThan(100);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("before one that is too long stay signed in whole batches, and the rest waits", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), `a\nb\nc\n${"x".repeat(MiB + 1)}\n`);
    await expect(signIn(directory, ["a.log"], { maxRecords: 2 })).rejects.toThrow("line 4");
    expect(recordsIn(directory)).toEqual(["a", "b"]);
    await expect(signIn(directory, ["a.log"], { maxRecords: 2 })).rejects.toThrow("line 4");
    expect(recordsIn(directory)).toEqual(["a", "b"]);
  });
});

describe("batches", () => {
  test("hold no more than 64 MiB", { timeout: 180_000 }, async () => {
    const directory = scratch();
    const line = Buffer.alloc(1 << 20, "a");
    line[line.length - 1] = 0x0a;
    for (let i = 0; i < 65; i += 1) appendFileSync(join(directory, "a.log"), line);
    expect(await signIn(directory, ["a.log"])).toMatchObject({ size: 2, signed: { records: 65 } });
    expect(readFileSync(join(directory, "store/fleetsec/batch/000.jsonl"))).toHaveLength(64 << 20);
    // after a batch without room for one byte more
    writeFileSync(join(directory, "b.log"), Buffer.alloc(0));
    for (let i = 0; i < 64; i += 1) appendFileSync(join(directory, "b.log"), line);
    appendFileSync(join(directory, "b.log"), "\nlast\n");
    const { signed, splitLines } = await signIn(directory, ["b.log"]);
    expect([signed.records, splitLines]).toEqual([66, []]);
    expect(recordsIn(directory).slice(-2)).toEqual(["", "last"]);
  });

  test("are closed when their time is over, also while nothing comes", async () => {
    const directory = scratch();
    const clock = stoppedClock();
    let resumed: () => void = () => {};
    const pause = new Promise<void>((resolve) => {
      resumed = resolve;
    });
    const stdin = {
      ...stdinOf(),
      async *[Symbol.asyncIterator]() {
        yield Buffer.from("a\nb");
        await pause;
        yield Buffer.from("\nc\n");
      },
    };
    const onBatch = () => resumed();
    await signIn(directory, ["-"], { clock, stdin, interval: 60, onBatch });
    const leaves = [...readStore(join(directory, "store"))].filter(([path]) =>
      path.endsWith("entries/000.p/2"),
    );
    const text = String(leaves[0]?.[1]);
    expect(text).toContain(`seq 0\ntime ${time} ${time + 60}\nrecords 1\n`);
    expect(text).toContain(`seq 1\ntime ${time + 60} ${time + 60}\nrecords 2\n`);
  });

  test("never go back in time, though the clock does", async () => {
    const directory = scratch();
    for (const offset of [0, -100, 50]) {
      appendFileSync(join(directory, "a.log"), "a\n");
      await signIn(directory, ["a.log"], { clock: stoppedClock(START + offset * 1000) });
    }
    const [, bundle = Buffer.of()] =
      [...readStore(join(directory, "store"))].find(([path]) => path.endsWith("entries/000.p/3")) ?? [];
    const times = String(bundle).match(/^time .*$/gm);
    expect(times).toEqual([`time ${time} ${time}`, `time ${time} ${time}`, `time ${time + 50} ${time + 50}`]);
  });

  test("have the leaf that the model says", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\nb");
    await signIn(directory, ["a.log"]);
    const [leaf = Buffer.of()] = leavesOf(at("a\nb"));
    expect(parseLeaf(leaf)).toMatchObject({ seq: 0, records: 2, bytes: 3, from: time, to: time });
    expect(readFileSync(join(directory, "store/tile/entries/000.p/1")).subarray(2)).toEqual(leaf);
  });
});

describe("a signing run", () => {
  test("takes the inputs in their order, and each file of a directory from the oldest", async () => {
    const directory = scratch();
    mkdirSync(join(directory, "logs"));
    for (const name of ["b.log", "a.log.1", "a.log", "a.log.10", "a.log.2"]) {
      writeFileSync(join(directory, "logs", name), `${name}\n`);
    }
    for (const name of [".hidden", "a.log.3.gz"]) writeFileSync(join(directory, "logs", name), "no\n");
    mkdirSync(join(directory, "logs", "folder"));
    symlinkSync("/dev/zero", join(directory, "logs", "link"));
    writeFileSync(join(directory, "first"), "first\n");
    const result = await signIn(directory, ["first", "logs", "first"]);
    expect(recordsIn(directory)).toEqual(["first", "a.log.10", "a.log.2", "a.log.1", "a.log", "b.log"]);
    expect(result.signed.batches).toBe(1);
    expect(result.skipped).toEqual(
      [".hidden", "a.log.3.gz", "folder", "link"].map((name) => join(directory, "logs", name)),
    );
  });

  test("closes a batch where an input ends without a newline", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a");
    writeFileSync(join(directory, "b.log"), "b\n");
    await signIn(directory, ["a.log", "b.log"]);
    expect(summaryOf(readStore(join(directory, "store")))).toEqual(
      summaryOf(await modelStore(at("a", "b\n"))),
    );
  });

  test("reads a file once that has several names, and says so", async () => {
    const directory = scratch();
    mkdirSync(join(directory, "logs"));
    const path = (name: string) => join(directory, "logs", name);
    writeFileSync(path("a.log"), "a\n");
    linkSync(path("a.log"), path("hard.log"));
    symlinkSync("logs/a.log", join(directory, "link"));
    writeFileSync(path("same.log"), "a\n");
    const warnings: string[] = [];
    const onWarning = (text: string) => void warnings.push(text);
    await signIn(directory, ["logs/a.log", "logs", "link"], { onWarning });
    // a file with the same lines is another one
    expect(recordsIn(directory)).toEqual(["a", "a"]);
    expect(warnings).toEqual(
      [path("hard.log"), join(directory, "link")].map(
        (name) => `${name} is ${path("a.log")} under another name: its lines are taken once`,
      ),
    );
  });

  test("follows a symlink that the user names", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\n");
    symlinkSync("a.log", join(directory, "link"));
    await signIn(directory, ["link"]);
    expect(recordsIn(directory)).toEqual(["a"]);
  });

  test("ends when it is interrupted, with what was published", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\nb\nc\n");
    const controller = new AbortController();
    const reason = new Error("stop");
    const onBatch = () => controller.abort(reason);
    const run = signIn(directory, ["a.log"], { maxRecords: 2, signal: controller.signal, onBatch });
    await expect(run).rejects.toBe(reason);
    expect(recordsIn(directory)).toEqual(["a", "b"]);
    await signIn(directory, ["a.log"], { maxRecords: 2 });
    expect(recordsIn(directory)).toEqual(["a", "b", "c"]);
  });

  test("stops waiting for standard input when it is interrupted", async () => {
    const controller = new AbortController();
    const reason = new Error("stop");
    const silent = {
      ...stdinOf(),
      [Symbol.asyncIterator]: () => ({ next: async () => new Promise<never>(() => {}) }),
    };
    const clock = {
      ...stoppedClock(),
      sleep: async (ms: number, signal?: AbortSignal) => {
        controller.abort(reason);
        await stoppedClock().sleep(ms, signal);
      },
    };
    const run = signIn(scratch(), ["-"], { stdin: silent, signal: controller.signal, clock });
    await expect(run).rejects.toBe(reason);
  });
});
