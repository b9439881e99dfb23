import { describe, expect, test } from "vitest";
import type { MemoryTree } from "../../support/memory-files.ts";
import { batchesOf, recordsOf } from "../store-model.ts";
import { rotatingWorld } from "./follow/rotating-world.ts";
import { inMemory, signIn, storeIn } from "./parts.ts";

/** A directory of logs that are rotated, and a signer of it. `during` happens before each operation on a log. */
function scene(during: (operation: number) => void = () => {}) {
  const tree: MemoryTree = new Map();
  const warnings: string[] = [];
  let operations = 0;
  const world = rotatingWorld(tree, "/d/logs", () => during((operations += 1)));
  return {
    world,
    sign: async (inputs = ["logs"]) => {
      warnings.length = 0;
      operations = 0;
      const onWarning = (text: string) => void warnings.push(text);
      await signIn("/d", inputs, { ...inMemory(tree), files: world.files, onWarning });
      return [...warnings];
    },
    signed: () => batchesOf(storeIn(tree, "/d")).flatMap(({ data }) => recordsOf(data).map(String)),
  };
}

describe("a copy that copytruncate is making", () => {
  test("is left out with a warning, and goes on from the log once that is truncated", async () => {
    const { world, sign, signed } = scene();
    world.write("a.log", "1\n2\n");
    expect(await sign()).toEqual([]);
    world.write("a.log", "3\n");
    world.copy("a.log", "a.log.1", 0.5);
    expect(await sign()).toEqual([expect.stringMatching(/^\/d\/logs\/a\.log\.1 holds nothing but what /)]);
    expect(signed()).toEqual(["1", "2", "3"]);
    world.write("a.log", "4\n");
    world.copy("a.log", "a.log.1", 1);
    world.truncate("a.log");
    world.write("a.log", "5\n");
    expect(await sign()).toEqual([]);
    expect(signed()).toEqual(["1", "2", "3", "4", "5"]);
  });

  test("in the place of one that was signed is no change of that", async () => {
    const { world, sign, signed } = scene();
    world.write("a.log.1", "1\n");
    world.write("a.log", "2\n");
    await sign();
    world.remove("a.log.1");
    world.copy("a.log", "a.log.1", 1);
    await sign();
    world.truncate("a.log");
    world.write("a.log", "3\n");
    await sign();
    expect(signed()).toEqual(["1", "2", "3"]);
    // what is no copy is a change
    world.remove("a.log.1");
    world.write("a.log.1", "other\n");
    await expect(sign()).rejects.toThrow("a.log.1 was changed");
  });

  test("is a file of its own where it is named without the log", async () => {
    const { world, sign, signed } = scene();
    world.write("a.log.1", "start\n");
    world.write("a.log", "start\nx\n");
    expect(await sign()).toHaveLength(1);
    expect(signed()).toEqual(["start", "x"]);
    await sign(["logs/a.log.1"]);
    expect(await sign()).toEqual([]);
    expect(signed()).toEqual(["start", "x", "start"]);
  });
});

test("a log that is copied and truncated while it is read goes on in the copy, whatever was read of it", async () => {
  const lines = Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(997)}`);
  for (let at = 1; ; at += 1) {
    let done = false;
    const { world, sign, signed } = scene((operation) => {
      if (operation < at || done) return;
      done = true;
      world.copy("a.log", "a.log.1", 1);
      world.truncate("a.log");
      world.write("a.log", "after\n");
    });
    world.write("a.log", lines.map((line) => `${line}\n`).join(""));
    await sign();
    if (!done) break;
    await sign();
    expect({ at, signed: signed().toSorted() }).toEqual({ at, signed: [...lines, "after"].toSorted() });
  }
});

test("a log that is rotated by renaming while it is read goes on, and the next one after it", async () => {
  for (let at = 1; ; at += 1) {
    let done = false;
    const { world, sign, signed } = scene((operation) => {
      if (operation < at || done) return;
      done = true;
      world.rename("a.log.1", "a.log.2");
      world.rename("a.log", "a.log.1");
      world.write("a.log", "3\n");
    });
    world.write("a.log.1", "1\n");
    world.write("a.log", "2\n");
    await sign();
    if (!done) break;
    await sign();
    expect({ at, signed: signed().toSorted() }).toEqual({ at, signed: ["1", "2", "3"] });
  }
});
