import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Value } from "../../src/scaffold/quote.ts";
import { render } from "../../src/scaffold/render.ts";

const quote = (value: Value) => `<${typeof value === "string" ? value : JSON.stringify(value)}>`;

describe("render", () => {
  test.each<[string, Record<string, Value>, string]>([
    ["a {{x}} b", { x: 1 }, "a <1> b"],
    ['{{"https://" host ":" port "/"}}', { host: "h", port: 80 }, "<https://h:80/>"],
    ["{{#list}}({{.}}){{/list}}", { list: ["a", "b"] }, "(<a>)(<b>)"],
    ["{{#list}}({{name}} of {{outer}}){{/list}}", { outer: 7, list: [{ name: "a" }] }, "(<a> of <7>)"],
    ["{{#x}}{{x}}{{/x}}{{^x}}none{{/x}}", { x: "v" }, "<v>"],
    ["{{#x}}{{x}}{{/x}}{{^x}}none{{/x}}", { x: null }, "none"],
    ["{{#x}}{{x}}{{/x}}{{^x}}none{{/x}}", { x: [] }, "none"],
    ["{{#x}}{{x}}{{/x}}{{^x}}none{{/x}}", { x: false }, "none"],
    ["{{#x}}{{x}}{{/x}}{{^x}}none{{/x}}", { x: "" }, "none"],
    ["{{#x}}{{x}}{{/x}}", { x: 0 }, "<0>"],
    ["a\n  {{#list}}\n  - {{.}}\n  {{/list}}\nb\n", { list: [1, 2] }, "a\n  - <1>\n  - <2>\nb\n"],
    ["${{ github.ref }} {{x}}", { x: 1 }, "${{ github.ref }} <1>"],
    ["{{x", { x: 1 }, "{{x"],
    ["{a: {b: {{x}}}}", { x: 1 }, "{a: {b: <1>}}"],
  ])("%j", (template, values, expected) => {
    expect(render(template, values, quote)).toBe(expected);
  });

  test.each([
    ["{{unknown}}", "no value is called unknown"],
    ["{{#unknown}}{{/unknown}}", "no value is called unknown"],
    ["{{constructor}}", "no value is called constructor"],
    ["{{}}", "empty"],
    ["{{x y(}}", "cannot read"],
    ["{{#x}}", "not closed"],
    ["{{/x}}", "closes"],
    ["{{#x}}{{#y}}{{/x}}{{/y}}", "closes"],
    ['{{"a" list}}', "joined"],
  ])("%j is a bug in the template", (template, message) => {
    expect(() => render(template, { x: 1, y: 2, list: [] }, quote)).toThrow(message);
  });

  test("text without placeholders stays as it is", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes("{{"));
        expect(render(text, {}, quote)).toBe(text);
      }),
    );
  });

  test("values are not read as templates", () => {
    expect(render("{{x}}", { x: "{{secret}}", secret: "s" }, quote)).toBe("<{{secret}}>");
  });
});
