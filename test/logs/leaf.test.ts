import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { type BatchLeaf, formatLeaf, parseLeaf } from "../../src/logs/leaf.ts";
import { unlessRefused } from "../support/refusal.ts";

const hex = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const leaf: fc.Arbitrary<BatchLeaf> = fc
  .record({
    seq: fc.oneof(fc.nat(3), fc.maxSafeNat()),
    times: fc.tuple(fc.nat(2 ** 31 - 1), fc.nat(86_400)),
    records: fc.oneof(fc.constant(0), fc.nat(1_000_000)),
    length: fc.nat(300),
    sha256: hex,
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    prev: hex,
  })
  .map(({ times: [from, seconds], length, prev, ...rest }) => ({
    ...rest,
    from,
    to: from + seconds,
    bytes: rest.records * (length + 1),
    prev: rest.seq === 0 ? undefined : prev,
  }));

const example = `fleetsec.dev/batch@v1
seq 41
time 1763850000 1763850300
records 16667
bytes 5000211
sha256 ${"0a".repeat(32)}
root ${Buffer.alloc(32, 7).toString("base64")}
prev ${"1b".repeat(32)}
`;

describe("the leaf of a batch", () => {
  test("has the documented form", () => {
    const parsed = parseLeaf(Buffer.from(example));
    expect(parsed).toMatchObject({ seq: 41, from: 1_763_850_000, to: 1_763_850_300, records: 16_667 });
    expect(formatLeaf(parsed).toString()).toBe(example);
  });

  test("reads back", () => {
    fc.assert(
      fc.property(leaf, (value) => {
        expect(parseLeaf(formatLeaf(value))).toEqual(value);
      }),
    );
  });

  test("has one form: whatever parses is written back byte for byte", () => {
    fc.assert(
      fc.property(leaf, fc.nat(), fc.nat(255), fc.nat(2), (value, at, byte, cut) => {
        const bytes = formatLeaf(value);
        const index = at % bytes.length;
        const changed = Buffer.concat([
          bytes.subarray(0, index),
          Buffer.of(byte),
          bytes.subarray(index + cut),
        ]);
        const parsed = unlessRefused(() => parseLeaf(changed));
        expect(parsed === undefined || formatLeaf(parsed).equals(changed)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["another header", "batch@v1", "batch@v2"],
    ["a leading zero", "seq 41", "seq 041"],
    ["a number beyond 2^53", "seq 41", "seq 9007199254740992"],
    ["a time that ends before it begins", "1763850300", "1763849999"],
    ["more records than bytes", "bytes 5000211", "bytes 16666"],
    ["bytes without records", "records 16667", "records 0"],
    ["capitals in the hash", "0a", "0A"],
    ["a root with stray bits", "c=\n", "d=\n"],
    ["no leaf before it", /prev .*/, "prev -"],
    ["a leaf before leaf 0", "seq 41", "seq 0"],
    ["another order", "seq 41\ntime 1763850000 1763850300", "time 1763850000 1763850300\nseq 41"],
    ["carriage returns", /\n/g, "\r\n"],
    ["a blank at the end of a line", "seq 41", "seq 41 "],
    ["no final newline", /\n$/, ""],
    ["a line too many", /$/, "more\n"],
  ])("is refused with %s", (_, from, to) => {
    const changed = example.replace(from, to);
    expect(changed).not.toBe(example);
    expect(() => parseLeaf(Buffer.from(changed, "latin1"))).toThrow(FleetsecError);
  });
});
