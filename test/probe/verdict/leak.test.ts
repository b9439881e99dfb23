import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Answer } from "../../../src/probe/answer.ts";
import { plain } from "../../../src/probe/verdict/escapes.ts";
import type { Encounter } from "../../../src/probe/verdict/judgement.ts";
import { leaks } from "../../../src/probe/verdict/leak.ts";
import { answered } from "../support/traces.ts";

const TEXT = `account=4711/acme; limit=9000 'x' "y" \`z\` <b> & é\n`;
const PAGE = JSON.stringify({ tenant: "acme", note: `<b> & 'c' "d" / = ü`, orders: [{ id: 7 }, { id: 9 }] });

type Write = (text: string) => string;
const each =
  (characters: RegExp, write: (code: number) => string): Write =>
  (text) =>
    text.replaceAll(characters, (one) => write(one.codePointAt(0) ?? 0));
const hex = (code: number) => code.toString(16);
const inScript: Write = (text) => JSON.stringify(text);
const MARKUP = /['"<>&/=`]/g;
const NAMES = new Map(Object.entries({ "&": "amp", "<": "lt", ">": "gt", é: "eacute" }));

const WRITES: readonly [string, Write][] = [
  ["in hexadecimal references", each(MARKUP, (code) => `&#x${hex(code).toUpperCase()};`)],
  ["in long ones, without case", each(MARKUP, (code) => `&#X000${hex(code)};`)],
  ["in decimal ones", each(MARKUP, (code) => `&#${code};`)],
  ["in ones without an end", each(/[<>]/g, (code) => `&#${code}`)],
  ["by name", (text) => text.replaceAll(/[&<>é]/g, (one) => `&${NAMES.get(one)};`)],
  ["as Mustache does", each(/[&<>"'`=/]/g, (code) => (code === 0x26 ? "&amp;" : `&#x${hex(code)};`))],
  ["in a script, as Go does", (text) => each(/[<>&]/g, (code) => `\\u00${hex(code)}`)(inScript(text))],
  ["in a script, as PHP does", (text) => inScript(text).replaceAll("/", String.raw`\/`)],
  ["in a script, by bytes", (text) => each(/[<>&']/g, (code) => `\\x${hex(code)}`)(inScript(text))],
  ["in a script of ASCII", (text) => each(/é/g, (code) => `\\u00${hex(code).toUpperCase()}`)(inScript(text))],
  ["in a script, by code point", (text) => each(/[<é]/g, (code) => `\\u{0${hex(code)}}`)(inScript(text))],
  ["in a script that a page shows", (text) => each(MARKUP, (code) => `&#${code};`)(inScript(text))],
  ["in a script within a script", (text) => inScript(inScript(inScript(text)))],
  ["as a part of a URL", encodeURIComponent],
];

const denied = (content: string, aside: readonly string[] = []): Answer => ({
  label: "HTTP 403",
  meaning: "denied",
  content: Buffer.from(content),
  aside: aside.map((text) => Buffer.from(text).toString("latin1")),
});
const granted = (...contents: string[]): Encounter[] =>
  contents.map((content) => answered("HTTP 200", "granted", content));
const twice = (content: string) => granted(content, content);

describe.each(WRITES)("content %s", (_how, write) => {
  test.each([TEXT, PAGE])("is found in a denial, and other content is not", (content) => {
    const other = content.replace("acme", "globex");
    const around = (text: string) => `<p>denied</p><script>x = ${write(text)}</script>`;
    expect(leaks(denied(around(content)), twice(content))).toBe(true);
    expect(leaks(denied("no", [around(content)]), twice(content))).toBe(true);
    expect(leaks(denied(around(other)), twice(content))).toBe(false);
    expect(leaks(denied(around("")), twice(content))).toBe(false);
  });
});

describe("in a denial", () => {
  test("JSON is found with white space that it had not, in a page too", () => {
    const pretty = (text: string) => `<pre>${JSON.stringify(JSON.parse(text), null, 2)}</pre>`;
    expect(leaks(denied(pretty(PAGE)), twice(PAGE))).toBe(true);
    expect(leaks(denied(pretty(PAGE.replace("acme", "globex"))), twice(PAGE))).toBe(false);
  });

  test.each<[string, unknown[], boolean]>([
    [
      "others before",
      [
        { id: 0, owner: "x" },
        { id: 7, owner: "acme" },
        { id: 9, owner: "globex" },
      ],
      true,
    ],
    [
      "others between",
      [
        { id: 7, owner: "acme" },
        { id: 8, owner: "x" },
        { id: 9, owner: "globex" },
      ],
      true,
    ],
    [
      "another order",
      [
        { id: 9, owner: "globex" },
        { id: 7, owner: "acme" },
        { id: 8, owner: "x" },
      ],
      true,
    ],
    [
      "one of them alone",
      [
        { id: 0, owner: "x" },
        { id: 7, owner: "acme" },
        { id: 8, owner: "y" },
      ],
      false,
    ],
    [
      "one of them changed",
      [
        { id: 7, owner: "acme" },
        { id: 9, owner: "hooli" },
        { id: 8, owner: "x" },
      ],
      false,
    ],
  ])("a list is found within a longer one, with %s: %#", (_which, items, found) => {
    const list = JSON.stringify([
      { id: 7, owner: "acme" },
      { id: 9, owner: "globex" },
    ]);
    expect(leaks(denied(JSON.stringify({ error: "no", items })), twice(list))).toBe(found);
  });

  test("the words of the request are nobody's content, however they are written", () => {
    const asked = {
      method: "GET",
      path: "/api/tenders?of='us'",
      authority: "localhost:8443",
      fields: [],
      body: undefined,
    };
    for (const [, write] of WRITES) {
      const echo = write("You asked GET /api/tenders?of='us'");
      const controls = twice(echo).map((one) => ({ ...one, asked }));
      expect(leaks(denied(`Denied. ${echo}, without a certificate`), controls)).toBe(false);
      const more = write("You asked GET /api/tenders?of='us', and there are 17 of them");
      const served = twice(more).map((one) => ({ ...one, asked }));
      expect(leaks(denied(`Denied. ${more}`), served)).toBe(true);
    }
  });

  test("little that looks long is nothing", () => {
    expect(leaks(denied("<p>you may not</p>"), twice("&nbsp;&#160;&#x000000a0;"))).toBe(false);
    expect(leaks(denied("a b"), twice("a                    b"))).toBe(false);
  });
});

test("any text says the same, however it is written", () => {
  const texts = fc.string({
    unit: fc.constantFrom(
      ..."a é 😀 u 0 x 1 \" ' < > & / = \\ ; # { }".split(" "),
      " ",
      "\n",
      "&amp;",
      "&#x2f;",
      "\\u003c",
    ),
    maxLength: 12,
  });
  // a reference without an end takes what follows for its own
  const ended = WRITES.filter(([how]) => how !== "in ones without an end");
  const property = fc.property(texts, fc.constantFrom(...ended), (text, [, write]) => {
    const read = (one: string) => plain(Buffer.from(one).toString("latin1"));
    expect(read(write(`(${text})`))).toContain(read(`(${text})`));
  });
  expect(() => fc.assert(property, { numRuns: 1000 })).not.toThrow();
});
