import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { formatNote, isKeyName, type Note, parseNote } from "../../src/logs/note.ts";
import { unlessRefused } from "../support/refusal.ts";

const keyName = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter(isKeyName);
const text = fc
  .array(fc.string({ unit: "grapheme" }), { maxLength: 4 })
  // eslint-disable-next-line no-control-regex
  .map((lines) => lines.map((line) => `${line.replace(/[\u0000-\u001f]/g, "")}\n`).join("") || "\n")
  .filter((value) => Buffer.from(value).toString() === value);
const signature = fc.record({
  name: keyName,
  keyId: fc.nat(0xffffffff),
  signature: fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
});
const note: fc.Arbitrary<Note> = fc.record({
  text,
  signatures: fc.uniqueArray(signature, {
    minLength: 1,
    maxLength: 20,
    selector: ({ name, keyId }) => `${name} ${keyId}`,
  }),
});

describe("signed notes", () => {
  test("read back as they were written", () => {
    fc.assert(
      fc.property(note, (value) => {
        expect(parseNote(Buffer.from(formatNote(value)))).toEqual(value);
      }),
    );
  });

  test("have one form: whatever parses is written back byte for byte", () => {
    const byte = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(note, fc.array(byte, { minLength: 1, maxLength: 3 }), (value, edits) => {
        const bytes = Buffer.from(formatNote(value));
        for (const [at, to] of edits) bytes[at % bytes.length] = to;
        const parsed = unlessRefused(() => parseNote(bytes));
        expect(parsed === undefined || Buffer.from(formatNote(parsed)).equals(bytes)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("may have blank lines in their text", () => {
    const value = { text: "a\n\nb\n", signatures: [{ name: "k", keyId: 1, signature: Buffer.of(1) }] };
    expect(parseNote(Buffer.from(formatNote(value)))).toEqual(value);
  });

  const line = "— k AAAAAQE=\n";
  test("are taken with up to 100 signatures", () => {
    const lines = Array.from({ length: 101 }, (_, i) => `— k${i} AAAAAQE=\n`);
    expect(parseNote(Buffer.from(`a\n\n${lines.slice(0, 100).join("")}`)).signatures).toHaveLength(100);
    expect(() => parseNote(Buffer.from(`a\n\n${lines.join("")}`))).toThrow("too many");
  });

  test.each([
    ["empty", ""],
    ["without signatures", "a\n\n"],
    ["without a blank line", `a\n${line}`],
    ["without text", `\n${line}`],
    ["without a final newline", `a\n\n${line.trimEnd()}`],
    ["with a blank line after it", `a\n\n${line}\n`],
    ["with a hyphen for the dash", "a\n\n- k AAAAAQE=\n"],
    ["with two spaces", "a\n\n—  k AAAAAQE=\n"],
    ["with a field too many", "a\n\n— k AAAAAQE= x\n"],
    ["with an empty name", "a\n\n—  AAAAAQE=\n"],
    ["with a plus in the name", "a\n\n— k+ AAAAAQE=\n"],
    ["with a no-break space in the name", "a\n\n— k\u00a0k AAAAAQE=\n"],
    ["with base64 that has no padding", "a\n\n— k AAAAAQE\n"],
    ["with base64 that has stray bits", "a\n\n— k AAAAAQF=\n"],
    ["with base64url", "a\n\n— k AAAA_QE=\n"],
    ["with a key id and no signature", "a\n\n— k AAAAAQ==\n"],
    ["with the same key twice", `a\n\n${line}— k AAAAAQI=\n`],
    ["with a carriage return", `a\r\n\n${line}`],
    ["with a tab", `a\tb\n\n${line}`],
    ["with a NUL", `a\0\n\n${line}`],
  ])("are refused %s", (_, bytes) => {
    expect(() => parseNote(Buffer.from(bytes))).toThrow(FleetsecError);
  });

  test("are refused when they are no UTF-8, or endless", () => {
    expect(() => parseNote(Buffer.concat([Buffer.of(0xff), Buffer.from(`\n\n${line}`)]))).toThrow("UTF-8");
    expect(() => parseNote(Buffer.alloc((1 << 20) + 1, "a"))).toThrow("too long");
  });

  test("keep a byte order mark as part of the text", () => {
    expect(parseNote(Buffer.from(`\ufeffa\n\n${line}`)).text).toBe("\ufeffa\n");
  });
});
