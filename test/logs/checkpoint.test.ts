import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "../../src/logs/checkpoint.ts";
import { FleetsecError } from "../../src/errors.ts";
import { isKeyName } from "../../src/logs/note.ts";
import { unlessRefused } from "../support/refusal.ts";

const checkpoint = fc.record({
  origin: fc.string({ unit: "grapheme", minLength: 1 }).filter(isKeyName),
  size: fc.oneof(fc.nat(1000), fc.maxSafeNat()),
  root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
});
const good = `log.example/a\n15\n${Buffer.alloc(32, 7).toString("base64")}\n`;

describe("checkpoints", () => {
  test("read back", () => {
    fc.assert(
      fc.property(checkpoint, (value) => {
        expect(parseCheckpoint(formatCheckpoint(value))).toEqual(value);
      }),
    );
  });

  test("have one form", () => {
    fc.assert(
      fc.property(fc.nat(), fc.string({ maxLength: 2 }), fc.nat(2), (at, put, cut) => {
        const index = at % good.length;
        const changed = good.slice(0, index) + put + good.slice(index + cut);
        const parsed = unlessRefused(() => parseCheckpoint(changed));
        expect(parsed === undefined || formatCheckpoint(parsed) === changed).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("the example has the form", () => {
    expect(parseCheckpoint(good)).toMatchObject({ origin: "log.example/a", size: 15 });
  });

  test.each([
    ["a leading zero", good.replace("15", "015")],
    ["a sign", good.replace("15", "+15")],
    ["a size beyond 2^53", good.replace("15", "9007199254740992")],
    ["no origin", good.replace("log.example/a", "")],
    ["an extension line", `${good}extension\n`],
    ["no final newline", good.trimEnd()],
    ["a blank line", `${good}\n`],
    ["a short root", good.replace("BwcH", "")],
    ["a root with stray bits", good.replace(/c=\n$/, "d=\n")],
    ["a carriage return", good.replaceAll("\n", "\r\n")],
  ])("are refused with %s", (_, text) => {
    expect(text).not.toBe(good);
    expect(() => parseCheckpoint(text)).toThrow(FleetsecError);
  });
});
