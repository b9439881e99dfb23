import fc from "fast-check";
import { expect, test } from "vitest";
import { type Mark, marksOf } from "../../../src/pki/fleet/marks.ts";

const mark = fc.record({
  line: fc.integer({ min: 1, max: 0xffff_ffff }),
  status: fc.constantFrom<Mark["status"]>("issued", "kept"),
  serial: fc.string({ unit: fc.constantFrom(..."0123456789ABCDEF".split("")), minLength: 1, maxLength: 40 }),
});

test("gives back what became of each line, in their order, whenever that was told", () => {
  fc.assert(
    fc.property(fc.uniqueArray(mark, { selector: ({ line }) => line }), fc.func(fc.nat()), (some, order) => {
      const sorted = some.toSorted((a, b) => a.line - b.line);
      const marks = marksOf(sorted.length);
      for (const { line } of sorted) marks.add(line);
      expect(sorted.some(({ line }) => marks.has(line))).toBe(false);
      for (const one of some.toSorted((a, b) => order(a) - order(b))) marks.set(one);
      expect(sorted.every(({ line }) => marks.has(line))).toBe(true);
      expect([...marks]).toEqual(sorted);
    }),
  );
});

test("a line that was not taken in, one too many, and one that nothing became of are faults", () => {
  const marks = marksOf(1);
  marks.add(2);
  expect(() => marks.add(3)).toThrow("more than 1");
  expect(() => marks.has(3)).toThrow("line 3");
  expect(() => marks.set({ line: 2, status: "kept", serial: "0x" })).toThrow("serial");
  expect(() => [...marks]).toThrow("line 2");
});
