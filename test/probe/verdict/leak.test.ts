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

  const META = { service: "fleet-tenders", version: "2.1.0" };
  const ITEMS = [
    { id: 7, owner: "acme" },
    { id: 9, owner: "globex" },
  ];
  const FAULT = { code: "CERT", message: "client certificate required" };
  test.each<[string, object, object, boolean]>([
    ["an empty list", { meta: META, data: [], errors: [] }, { meta: META, data: [], errors: [FAULT] }, false],
    [
      "a list beside an empty one",
      { api: META, errors: [], hints: [] },
      { api: META, errors: ["no"], hints: [] },
      false,
    ],
    [
      "a list beside null",
      { data: null, errors: [], api: META },
      { data: null, errors: [FAULT], api: META },
      false,
    ],
    ["an empty object", { meta: META, data: [], errors: {} }, { meta: META, data: [], errors: FAULT }, false],
    ["nothing", { meta: META, data: [], errors: {} }, { errors: {}, meta: META, data: [] }, true],
    [
      "more fields",
      { meta: META, data: [], errors: [] },
      { meta: META, data: [], errors: [], hint: FAULT },
      true,
    ],
    [
      "an empty list beside items",
      { meta: META, data: ITEMS, errors: [] },
      { meta: META, data: ITEMS, errors: [FAULT] },
      true,
    ],
    [
      "an empty list beside turned items",
      { data: ITEMS, errors: [] },
      { data: ITEMS.toReversed(), errors: [FAULT] },
      true,
    ],
    [
      "an empty list beside other items",
      { meta: META, data: ITEMS, errors: [] },
      { meta: META, data: [FAULT], errors: [FAULT] },
      false,
    ],
  ])(
    "what an envelope holds is told from the envelope, where the denial fills %s",
    (_what, valid, denial, found) => {
      expect(leaks(denied(JSON.stringify(denial)), twice(JSON.stringify(valid)))).toBe(found);
    },
  );

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

  const ASKED = {
    method: "GET",
    path: "/v1/unlock",
    authority: "localhost:8443",
    fields: [["user-agent", "fleetsec-probe"]] as const,
    body: undefined,
  };
  const REQUEST = {
    method: ASKED.method,
    path: ASKED.path,
    hostname: "localhost",
    headers: { host: ASKED.authority, "user-agent": "fleetsec-probe", connection: "close" },
  };
  test.each<[string, object, object, boolean]>([
    ["all of it, within more", REQUEST, { error: "no", request: REQUEST }, false],
    ["all of it, as it is", REQUEST, REQUEST, false],
    ["a text with it", { told: "You asked GET /v1/unlock" }, { told: "You asked GET /v1/unlock" }, false],
    [
      "it, and a pin",
      { path: "/v1/unlock", pin: "4711-8830" },
      { path: "/v1/unlock", pin: "4711-8830" },
      true,
    ],
    [
      "it, and a number",
      { path: "/v1/unlock", pin: 47_118_830 },
      { path: "/v1/unlock", pin: 47_118_830 },
      true,
    ],
    [
      "it, and another pin",
      { path: "/v1/unlock", pin: "4711-8830" },
      { path: "/v1/unlock", pin: "0000-0000" },
      false,
    ],
    [
      "all of it, and a token",
      { ...REQUEST, token: "c0ffee-4711" },
      { error: "no", was: { ...REQUEST, token: "c0ffee-4711" } },
      true,
    ],
    ["all of it, and no token", { ...REQUEST, token: "c0ffee-4711" }, { error: "no", was: REQUEST }, false],
    [
      "it within much",
      { rows: Array.from({ length: 99 }, () => ["x"]), at: [["/v1/unlock"]] },
      { rows: Array.from({ length: 99 }, () => ["x"]), at: [["/v1/unlock"]] },
      true,
    ],
  ])(
    "of JSON that tells the request, only values of its own are content: %s",
    (_what, valid, denial, found) => {
      const controls = twice(JSON.stringify(valid)).map((one) => ({ ...one, asked: ASKED }));
      expect(leaks(denied(JSON.stringify(denial)), controls)).toBe(found);
    },
  );

  test("more objects than the stack holds are read", () => {
    const many = Array.from({ length: 170_000 }, () => []);
    const content = JSON.stringify({ tenant: "acme", pin: "4711-8830" });
    const one = JSON.parse(content) as unknown;
    expect(leaks(denied(JSON.stringify(many)), twice(content))).toBe(false);
    expect(leaks(denied(JSON.stringify([one, ...many.slice(1)])), twice(content))).toBe(true);
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
