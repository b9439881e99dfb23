import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, type Json } from "../../../src/logs/lint/canonical-json.ts";

describe("the canonical form of JSON", () => {
  // RFC 8785 section 3.2.2 and 3.2.3
  test("is that of the RFC's examples", () => {
    const first = JSON.parse(
      String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
    ) as Json;
    expect(canonicalJson(first)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    const second = JSON.parse(
      String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
    ) as Json;
    expect((canonicalJson(second) ?? "").match(/"[^"]*"(?=})|[A-Z][A-Za-z: ]+/g)).toEqual(
      expect.arrayContaining(["Carriage Return", "One", "Control"]),
    );
    expect([...(canonicalJson(second) ?? "").matchAll(/:"([A-Z][a-z]+)/g)].map(([, word]) => word)).toEqual([
      "Carriage",
      "One",
      "Control",
      "Latin",
      "Euro",
      "Emoji",
      "Hebrew",
    ]);
  });

  test("means the same value, and does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const canonical = canonicalJson(value as Json);
        fc.pre(canonical !== undefined);
        const again = JSON.parse(canonical) as Json;
        expect(canonicalJson(again)).toBe(canonical);
        expect(again).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("is lacking for what JSON cannot hold", () => {
    expect(canonicalJson(JSON.parse('{"a":[1e400]}') as Json)).toBeUndefined();
    expect(canonicalJson(JSON.parse(String.raw`"\ud800"`) as Json)).toBeUndefined();
    expect(canonicalJson(JSON.parse(String.raw`{"\udc00":1}`) as Json)).toBeUndefined();
  });
});
