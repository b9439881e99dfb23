import { describe, expect, test } from "vitest";
import { rotatedFiles, rotatedNames, rotationOf } from "../../../../src/logs/sign/follow/rotated.ts";
import { rotatingWorld } from "./rotating-world.ts";

describe("rotationOf", () => {
  test.each([
    ["a.log", "a.log.1", "1"],
    ["a.log", "a.log-20251123", "20251123"],
    ["a.log", "a.log.2025-11-23T06:00:00Z", "2025-11-23T06:00:00Z"],
    ["a.log", "a-20251123.log", "20251123"],
    ["a.log", "a.1.log", "1"],
    ["log", "log_1700000000", "1700000000"],
  ])("of %s, %s is rotated: %s", (log, name, rotation) => {
    expect(rotationOf(log, name)).toBe(rotation);
  });

  test.each([
    "a.log",
    "a.log.gz",
    "a.log.1.gz",
    "a.log.bak",
    "a.log1",
    "b.log.1",
    "a.log.",
    "a.log.1x",
    ".log",
    "a.b.log",
  ])("of a.log, %s is no rotated form", (name) => {
    expect(rotationOf("a.log", name)).toBeUndefined();
  });
});

test("the rotated forms of a log are found among all names, wherever they are sorted to", () => {
  const logs = ["a.log", "a", "a.b.log", ".log", "a-1.log", "a.", "b.log", "log"];
  const added = ["", ".1", "-20251123", "_3", ".1.gz", "1"];
  const names = [
    ...new Set(logs.flatMap((log) => [...added.map((end) => log + end), `a.1-${log}`, `a.2.${log}`])),
  ];
  names.sort();
  let found = 0;
  for (const log of names) {
    const rotated = names.filter((name) => rotationOf(log, name) !== undefined);
    expect(
      rotatedNames(names, log)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(rotated);
    found += rotated.length;
  }
  expect(found).toBeGreaterThan(20);
});

test("rotated files come from the oldest: by number, by date, and by their time where names do not tell", () => {
  const world = rotatingWorld(new Map(), "/d", () => {});
  const names = ["a.log.10", "a.log-20251101", "a.log.2", "a.log-20251102", "a.log.1", "a.log"];
  for (const name of names) world.write(name, "x");
  const found = rotatedFiles(world.files, "/d/a.log").map(({ path }) => path.slice(3));
  expect(found.filter((name) => name.includes("."))).toHaveLength(5);
  expect(found.filter((name) => /\.\d+$/.test(name))).toEqual(["a.log.10", "a.log.2", "a.log.1"]);
  expect(found.filter((name) => name.includes("-"))).toEqual(["a.log-20251101", "a.log-20251102"]);
});
