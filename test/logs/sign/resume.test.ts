import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { batchPath, checkpointPath } from "../../../src/logs/layout.ts";
import { systemLocks } from "../../../src/platform/lock.ts";
import { scratch } from "../../support/scratch.ts";
import { modelSigner, readStore, writeStore } from "../store-model.ts";
import { recordsIn, signIn, stateOf, stdinOf, stoppedClock } from "./parts.ts";

/** A directory with a log over a.log, which has these lines. */
async function signed(text = "a\nb\n"): Promise<string> {
  const directory = scratch();
  writeFileSync(join(directory, "a.log"), text);
  await signIn(directory, ["a.log"]);
  return directory;
}

describe("signing again", () => {
  test("changes nothing where nothing is new", async () => {
    const directory = await signed();
    const before = readStore(join(directory, "store"));
    expect(await signIn(directory, ["a.log"])).toMatchObject({ size: 1, signed: { batches: 0, records: 0 } });
    expect(readStore(join(directory, "store"))).toEqual(before);
  });

  test("goes on after what is signed", async () => {
    const directory = await signed();
    appendFileSync(join(directory, "a.log"), "c\n");
    expect(await signIn(directory, ["a.log"])).toMatchObject({ size: 2, signed: { records: 1 } });
    expect(recordsIn(directory)).toEqual(["a", "b", "c"]);
  });

  test("finds a file under another name", async () => {
    const directory = await signed();
    renameSync(join(directory, "a.log"), join(directory, "a.log.1"));
    appendFileSync(join(directory, "a.log.1"), "c\n");
    writeFileSync(join(directory, "a.log"), "d\n");
    await signIn(directory, ["a.log.1", "a.log"]);
    expect(recordsIn(directory)).toEqual(["a", "b", "c", "d"]);
    // and once more, with every name another file's
    renameSync(join(directory, "a.log.1"), join(directory, "a.log.2"));
    renameSync(join(directory, "a.log"), join(directory, "a.log.1"));
    writeFileSync(join(directory, "a.log"), "e\n");
    await signIn(directory, ["a.log.2", "a.log.1", "a.log"]);
    expect(recordsIn(directory)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("takes a copy of a signed file for that file, and another file with its first line for another", async () => {
    const directory = await signed();
    cpSync(join(directory, "a.log"), join(directory, "copy"));
    expect(await signIn(directory, ["copy"])).toMatchObject({ signed: { records: 0 } });
    writeFileSync(join(directory, "other"), "a\nx\n");
    await signIn(directory, ["other"]);
    expect(recordsIn(directory)).toEqual(["a", "b", "a", "x"]);
  });

  test("remembers inputs that a run does not name", async () => {
    const directory = await signed();
    writeFileSync(join(directory, "b.log"), "x\n");
    await signIn(directory, ["b.log"]);
    appendFileSync(join(directory, "a.log"), "c\n");
    await signIn(directory, ["a.log", "b.log"]);
    expect(recordsIn(directory)).toEqual(["a", "b", "x", "c"]);
  });

  test.each([
    ["changed", "was changed within its first 2 lines", (path: string) => writeFileSync(path, "a\nB\nc\n")],
    ["changed at its beginning", "was changed", (path: string) => writeFileSync(path, "A\nb\nc\n")],
    ["truncated", "is shorter than the 4 bytes", (path: string) => truncateSync(path, 2)],
    ["emptied", "is shorter than the 4 bytes", (path: string) => truncateSync(path, 0)],
    ["replaced", "was changed", (path: string) => writeFileSync(path, "new\nfile\n")],
  ])("refuses an input that was %s before where it goes on", async (_, message, change) => {
    const directory = await signed();
    const before = readStore(join(directory, "store"));
    change(join(directory, "a.log"));
    const run = signIn(directory, ["a.log"]);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toMatchObject({ code: "input" });
    expect(readStore(join(directory, "store"))).toEqual(before);
  });

  test("takes such an input for a new one when it is told to", async () => {
    const directory = await signed();
    writeFileSync(join(directory, "a.log"), "new\n");
    await signIn(directory, ["a.log"], { newInput: true });
    expect(recordsIn(directory)).toEqual(["a", "b", "new"]);
    appendFileSync(join(directory, "a.log"), "more\n");
    await signIn(directory, ["a.log"]);
    expect(recordsIn(directory)).toEqual(["a", "b", "new", "more"]);
  });

  test("a line without a newline is signed once: its newline is no record", async () => {
    const directory = await signed("a\nb");
    expect(await signIn(directory, ["a.log"])).toMatchObject({ signed: { records: 0 } });
    appendFileSync(join(directory, "a.log"), "\n");
    expect(await signIn(directory, ["a.log"])).toMatchObject({ signed: { records: 0 }, splitLines: [] });
    appendFileSync(join(directory, "a.log"), "c\n");
    expect(await signIn(directory, ["a.log"])).toMatchObject({ signed: { records: 1 }, splitLines: [] });
    appendFileSync(join(directory, "a.log"), "\n");
    await signIn(directory, ["a.log"]);
    expect(recordsIn(directory)).toEqual(["a", "b", "c", ""]);
  });

  test("a line that goes on after it was signed is told of", async () => {
    const directory = await signed("a\nb");
    appendFileSync(join(directory, "a.log"), "eta\n");
    const { splitLines } = await signIn(directory, ["a.log"]);
    expect(splitLines).toEqual([join(directory, "a.log")]);
    expect(recordsIn(directory)).toEqual(["a", "b", "eta"]);
  });

  test("lines are counted from the beginning of the input", async () => {
    const directory = await signed();
    appendFileSync(join(directory, "a.log"), `c\n${"x".repeat((1 << 20) + 1)}\n`);
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("line 4");
  });
});

describe("standard input", () => {
  const stream = (...chunks: string[]) => ({ stdin: stdinOf(...chunks) });

  test("that comes again from its beginning is signed once", async () => {
    const directory = scratch();
    await signIn(directory, ["-"], stream("a\nb", "\nc\n"));
    expect(await signIn(directory, ["-"], stream("a\n", "b\nc\n"))).toMatchObject({ signed: { records: 0 } });
    await signIn(directory, ["-"], stream("a\nb\nc\nd\n", "e\n"));
    expect(recordsIn(directory)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("that begins with another record is a new stream", async () => {
    const directory = scratch();
    await signIn(directory, ["-"], stream("a\nb\n"));
    await signIn(directory, ["-"], stream("c\n"));
    await signIn(directory, ["-"], stream());
    await signIn(directory, ["-"], stream("c\nd\n"));
    expect(recordsIn(directory)).toEqual(["a", "b", "c", "d"]);
  });

  test.each([
    ["differs", ["a\nX\nc\n"]],
    ["ends too soon", ["a\n"]],
  ])("that begins like the last stream and then %s is refused", async (_, chunks) => {
    const directory = scratch();
    await signIn(directory, ["-"], stream("a\nb\n"));
    await expect(signIn(directory, ["-"], stream(...chunks))).rejects.toThrow(
      "then differs within its first 2",
    );
    expect(recordsIn(directory)).toEqual(["a", "b"]);
    await signIn(directory, ["-"], { ...stream(...chunks), newInput: true });
    expect(recordsIn(directory).slice(0, 3)).toEqual(["a", "b", "a"]);
  });

  test("without a newline at its end goes on with the rest of the line", async () => {
    const directory = scratch();
    await signIn(directory, ["-"], stream("a\nb"));
    await signIn(directory, ["-"], stream("a\nb\nc\n"));
    expect(recordsIn(directory)).toEqual(["a", "b", "c"]);
  });

  test("is not forgotten by a run over files, nor files by it", async () => {
    const directory = await signed();
    await signIn(directory, ["-"], stream("x\n"));
    appendFileSync(join(directory, "a.log"), "c\n");
    await signIn(directory, ["a.log"]);
    await signIn(directory, ["-"], stream("x\ny\n"));
    expect(recordsIn(directory)).toEqual(["a", "b", "x", "c", "y"]);
  });
});

describe("a log is not continued", () => {
  test("by another key", async () => {
    const directory = await signed();
    const signers = [modelSigner("fleet.internal/other")] as const;
    const run = signIn(directory, ["a.log"], { signers });
    await expect(run).rejects.toMatchObject({ code: "refused" });
  });

  test("while another signer works on it", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\n");
    const clock = stoppedClock();
    await systemLocks(clock).hold(join(directory, "store.signer"), async () => {
      // the lock's patience is counted by its clock
      await expect(signIn(directory, ["a.log"], { clock })).rejects.toMatchObject({ code: "busy" });
    });
    expect(existsSync(join(directory, "store"))).toBe(false);
    await signIn(directory, ["a.log"]);
    expect(recordsIn(directory)).toEqual(["a"]);
  });

  test.each([
    ["a tile", "tile/0/000.p/2", "tiles do not lead"],
    ["a bundle", "tile/entries/000.p/2", "does not fit its tile"],
  ])("on top of %s that was tampered with", async (_, path, message) => {
    const directory = await signed();
    appendFileSync(join(directory, "a.log"), "c\n");
    await signIn(directory, ["a.log"]);
    const bytes = readFileSync(join(directory, "store", path));
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] as number) ^ 1;
    writeFileSync(join(directory, "store", path), bytes);
    appendFileSync(join(directory, "a.log"), "d\n");
    await expect(signIn(directory, ["a.log"])).rejects.toThrow(message);
    await expect(signIn(directory, ["a.log"])).rejects.toMatchObject({ code: "state" });
    expect(recordsIn(directory)).toEqual(["a", "b", "c"]);
    rmSync(join(directory, "store", path));
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("missing");
  });

  test("under a checkpoint whose signature is not valid", async () => {
    const directory = await signed();
    const path = join(directory, "store", "checkpoint");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/\n1\n/, "\n2\n"));
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("signature is not valid");
  });

  test("when it was removed or put back to an older size: that would be another root at one size", async () => {
    const directory = await signed();
    const older = readStore(join(directory, "store"));
    for (const line of ["c\n", "d\n"]) {
      appendFileSync(join(directory, "a.log"), line);
      await signIn(directory, ["a.log"]);
    }
    rmSync(join(directory, "store"), { recursive: true });
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("at size 0, and");
    expect(existsSync(join(directory, "store"))).toBe(false);
    writeStore(join(directory, "store"), older);
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("at size 1, and");
    expect(readStore(join(directory, "store"))).toEqual(older);
  });

  test("when how far its inputs are signed is lost, unless it is told that they are new", async () => {
    const directory = await signed();
    rmSync(stateOf(directory));
    const run = signIn(directory, ["a.log"]);
    await expect(run).rejects.toMatchObject({ code: "state" });
    writeFileSync(join(directory, "b.log"), "x\n");
    await signIn(directory, ["b.log"], { newInput: true });
    expect(recordsIn(directory)).toEqual(["a", "b", "x"]);
  });

  test.each(["", "{", "[]", "{}", '{"schema":"fleetsec.signer-state/v1","checkpoint":"x\\n","inputs":[]}'])(
    "from the damaged state %j",
    async (text) => {
      const directory = await signed();
      writeFileSync(stateOf(directory), text);
      await expect(signIn(directory, ["a.log"])).rejects.toMatchObject({ code: "state" });
    },
  );

  test("from a state with a damaged position", async () => {
    const directory = await signed();
    const state = readFileSync(stateOf(directory), "utf8");
    for (const [from, to] of [
      [/"bytes": 4/, '"bytes": -4'],
      [/"bytes": 4/, '"bytes": 4.5'],
      [/"first": "../, '"first": "'],
      [/"unterminated": false/, '"unterminated": 0'],
      [/"name": .*/, '"name": 1,'],
    ] as const) {
      expect(state).toMatch(from);
      writeFileSync(stateOf(directory), state.replace(from, to));
      await expect(signIn(directory, ["a.log"])).rejects.toMatchObject({ code: "state" });
    }
  });

  test("where another signer's checkpoint has the next size", async () => {
    const directory = await signed();
    appendFileSync(join(directory, "a.log"), "c\n");
    await signIn(directory, ["a.log"]);
    // back to the moment before the checkpoint was published, which another one takes
    const store = join(directory, "store");
    writeFileSync(join(store, "checkpoint"), readFileSync(join(store, checkpointPath(1))));
    writeFileSync(join(store, checkpointPath(2)), readFileSync(join(store, checkpointPath(1))));
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("another checkpoint than is due");
    expect(readFileSync(join(store, "checkpoint"))).toEqual(readFileSync(join(store, checkpointPath(1))));
  });

  test.each(["stray", ".hidden"])("begun in a directory with the file %s", async (name) => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\n");
    mkdirSync(join(directory, "store"));
    writeFileSync(join(directory, "store", name), "");
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("holds other things than a log");
    rmSync(join(directory, "store", name));
    await signIn(directory, ["a.log"]);
    expect(recordsIn(directory)).toEqual(["a"]);
  });

  test("in a file", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "a.log"), "a\n");
    writeFileSync(join(directory, "store"), "");
    await expect(signIn(directory, ["a.log"])).rejects.toThrow("holds other things than a log");
  });
});

test("an input that is missing, a device or nothing is refused, and nothing is written", async () => {
  const directory = scratch();
  for (const [inputs, code] of [
    [["missing"], "not-found"],
    [["../../../../../../dev/null"], "input"],
    [["."], "input"],
  ] as const) {
    await expect(signIn(directory, inputs)).rejects.toMatchObject({ code });
  }
  expect(readStore(directory).size).toBe(0);
  expect(existsSync(join(directory, "store", batchPath(0)))).toBe(false);
});
