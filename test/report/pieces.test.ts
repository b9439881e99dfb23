import fc from "fast-check";
import { expect, test } from "vitest";
import { blocksOf, jsonWithList } from "../../src/report/pieces.ts";

test("a document in pieces is the text that JSON.stringify gives of the whole", () => {
  const item = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(item, fc.array(item), (head, items) => {
      const whole = `${JSON.stringify({ ...head, items }, null, 2)}\n`;
      expect([...jsonWithList(head, "items", items)].join("")).toBe(whole);
    }),
    { examples: [[{ a: ["\n    null\n  ]\n}", [null]] }, []]] },
  );
});

test("blocks hold the pieces, many in one, and none is empty", () => {
  const pieces = Array.from({ length: 1000 }, (_, n) => String(n).padStart(200, "x"));
  const blocks = [...blocksOf(pieces)];
  expect(blocks.join("")).toBe(pieces.join(""));
  expect(blocks.length).toBeLessThan(10);
  expect(blocks.length).toBeGreaterThan(1);
  expect([...blocksOf([])]).toEqual([]);
});
