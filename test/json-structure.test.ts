import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonStructure } from "../src/json-structure.ts";

describe("the structure of JSON", () => {
  test.each([
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}', undefined, 3],
    ['{"a":1,"b":2,"a":3}', "a", 1],
    [String.raw`{"a":1,"\u0061":2}`, "a", 1],
    ['{"x":[{"k":1,"k":1}]}', "k", 3],
    ['{"a":"a","b":["a","a","{\\"z\\":1,\\"z\\":2}"]}', undefined, 2],
    ['{"__proto__":1,"__proto__":2}', "__proto__", 1],
    ['"text"', undefined, 0],
    [String.raw`{"a\"{":["\\"],"a":"}"}`, undefined, 2],
  ])("of %j", (text, duplicate, depth) => {
    expect(jsonStructure(text)).toEqual({ duplicate, depth });
  });

  test("of strings that are long, and of many escapes", () => {
    const [long, escaped] = ["x".repeat(1 << 24), '"'.repeat(1 << 20)];
    const text = JSON.stringify({ long, escaped });
    expect(jsonStructure(text)).toEqual({ duplicate: undefined, depth: 1 });
    expect(jsonStructure(`${text.slice(0, -1)},"long":1}`).duplicate).toBe("long");
  });

  test("never has a duplicate key in what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(3), (value, space) => {
        expect(jsonStructure(JSON.stringify(value, null, space)).duplicate).toBeUndefined();
      }),
    );
  });
});
