import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { FleetsecError } from "../../src/errors.ts";
import { type Format, formats, type Value } from "../../src/scaffold/quote.ts";
import { render } from "../../src/scaffold/render.ts";
import { nginxTokens } from "./nginx-tokens.ts";

/** Strings that would be dangerous without quotes, and any others. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc
    .array(
      fc.constantFrom(
        '"',
        "'",
        "\\",
        "\n",
        "\r",
        "\t",
        "\0",
        "$",
        "{",
        "}",
        ";",
        "#",
        "~",
        "%",
        ":",
        "\u0085",
        "\u2028",
        "\ud800",
        "😀",
        "a",
      ),
    )
    .map((parts) => parts.join("")),
);

const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    anyText,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(anyText, tie("value"), { maxKeys: 3 }),
  ),
})).value;

/** What was quoted, or undefined where it was refused for good reason. */
function quoted(format: Format, value: Value): string | undefined {
  try {
    return formats[format](value);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "config") return undefined;
    throw error;
  }
}

const wellFormed = (text: string) => !/\p{Cs}/u.test(text);

describe("no value breaks out of its quoting", () => {
  test("nginx reads one token with the value, or it was refused", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const token = quoted("nginx", text);
        fc.pre(token !== undefined);
        expect(nginxTokens(`before ${token} after;`)).toEqual(["before", text, "after", ";"]);
      }),
      { numRuns: 200 },
    );
  });

  test("nginx refuses control characters other than line ends, $, a leading ~, and what is no Unicode", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const refused = /[^\P{Cc}\t\r\n]|\$|^~|\p{Cs}/u.test(text);
        expect(quoted("nginx", text) === undefined).toBe(refused);
      }),
    );
  });

  test("HAProxy gets one quoted word of plain bytes and \\xNN, which is the value", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const token = quoted("haproxy", text);
        fc.pre(token !== undefined);
        expect(token).toMatch(/^"([ !%&(-[\]-~]|\\x[0-9a-f]{2})*"$/);
        const bytes = token
          .slice(1, -1)
          .replace(/\\x(..)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
        expect(Buffer.from(bytes, "latin1").toString()).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  test.each(["1.1", "1.2"] as const)("YAML %s reads the value", (version) => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const token = quoted("yaml", value);
        if (token === undefined) return;
        expect(token).toMatch(/^[ -~]*$/);
        const document = parseDocument(`{a: 1, b: ${token}, c: 2} # ${token}\n`, { version, merge: false });
        expect(document.errors).toEqual([]);
        expect(document.toJS()).toEqual({ a: 1, b: value, c: 2 });
      }),
      { numRuns: 100 },
    );
  });

  test.each(["json", "rego"] as const)("JSON, which %s shares, reads the value", (format) => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const token = quoted(format, value);
        if (token === undefined) return;
        expect(token).toMatch(/^[ -~]*$/);
        expect(JSON.parse(token)).toEqual(value);
      }),
      { numRuns: 100 },
    );
  });

  test("only what is no Unicode text is refused in YAML, JSON and Rego", () => {
    fc.assert(
      fc.property(fc.constantFrom<Format>("yaml", "json", "rego"), anyText, (format, text) => {
        expect(quoted(format, text) === undefined).toBe(!wellFormed(text));
      }),
    );
  });

  test("a shell reads one word that is the value", () => {
    const values = fc
      .sample(anyText, { numRuns: 300, seed: 7 })
      .filter((text) => quoted("shell", text) !== undefined);
    const words = values.map((text) => quoted("shell", text)).join(" ");
    const printed = execFileSync("sh", ["-c", `printf '%s\\0' ${words}`], { encoding: "utf8" });
    expect(printed.split("\0").slice(0, -1)).toEqual(values);
  });

  test("HCL gets one quoted line of ASCII without a template, which is the value", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const token = quoted("hcl", text);
        expect(token === undefined).toBe(!wellFormed(text));
        if (token === undefined) return;
        expect(token).toMatch(/^"([ !#-[\]-~]|\\(["\\]|u[0-9a-f]{4}|U[0-9a-f]{8}))*"$/);
        expect(token.replace(/\$\$\{|%%\{/g, "")).not.toMatch(/[$%]\{/);
        const read = token
          .slice(1, -1)
          .replace(/([$%])\1(?=\{)|\\(["\\])|\\u(.{4})|\\U(.{8})/g, (_, sign, plain, short, long) =>
            String(sign ?? plain ?? String.fromCodePoint(parseInt(String(short ?? long), 16))),
          );
        expect(read).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  test("a text holds printable ASCII on one line, or it was refused", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(quoted("text", text)).toBe(/^[ -~]*$/.test(text) ? text : undefined);
      }),
    );
  });

  test("joined parts are one token too", () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const token = render('{{"x" a "-" b}}', { a, b }, (value) => quoted("nginx", value) ?? '"refused"');
        expect(nginxTokens(`${token};`)).toHaveLength(2);
      }),
    );
  });
});

describe("formats", () => {
  test.each<[Format, Value, string]>([
    ["nginx", "a b", '"a b"'],
    ["nginx", 'say "hi" \\ there\n', '"say \\"hi\\" \\\\ there\\n"'],
    ["nginx", 8443, "8443"],
    ["yaml", ["a", { b: true }], '["a", {"b": true}]'],
    ["yaml", "é😀\n", '"\\xe9\\U0001f600\\x0a"'],
    ["json", "é😀\n", '"\\u00e9\\ud83d\\ude00\\n"'],
    ["rego", null, "null"],
    ["systemd", 'a "b" \\ %h', '"a \\"b\\" \\\\ %%h"'],
  ])("%s writes %j as %s", (format, value, written) => {
    expect(formats[format](value)).toBe(written);
  });

  test.each(["a$b", "${HOME}", "a\nb", "a\0", "\ud800"])("systemd refuses %j", (text) => {
    expect(quoted("systemd", text)).toBeUndefined();
  });

  test("nginx has no lists: a template that wants one is wrong", () => {
    expect(() => formats.nginx(["a"])).toThrow("use a section");
  });
});
