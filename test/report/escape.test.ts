import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapeText } from "../../src/report/escape.ts";

describe("escapeText", () => {
  test.each([
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["a\r\nfleetsec: ok", "a\\u{d}\\u{a}fleetsec: ok"],
    ["\u202Egnp.exe", "\\u{202e}gnp.exe"],
    ["zero\u200bwidth", "zero\\u{200b}width"],
    ["\u009b1m", "\\u{9b}1m"],
    ["\ud800", "\\u{d800}"],
    ["Münch/東京 🚚", "Münch/東京 🚚"],
  ])("%j", (text, escaped) => expect(escapeText(text)).toBe(escaped));

  test("newlines stay where they are asked for, and only they", () => {
    expect(escapeText("a\nb\u001b", { newlines: true })).toBe("a\nb\\u{1b}");
  });

  test("no control character ever passes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        // eslint-disable-next-line no-control-regex
        expect(escapeText(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]|\p{Cf}/u);
      }),
    );
  });
});
