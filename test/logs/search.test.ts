import * as fc from "fast-check";
import { expect, test } from "vitest";
import { recordsWith } from "../../src/logs/search.ts";

/** A file that gives a few bytes at a time, as a slow disk may. */
function fileOf(bytes: Buffer, most: number) {
  return {
    id: "1:1",
    size: bytes.length,
    read: (into: Uint8Array, position: number) =>
      bytes.copy(into, 0, position, position + Math.min(most, into.length)),
    close: () => {},
  };
}

async function search(bytes: Buffer, needle: string, maxRecord = 1000, most = 1 << 20) {
  const found: [number, string][] = [];
  const records = recordsWith(fileOf(bytes, most), Buffer.from(needle), maxRecord);
  let next = await records.next();
  for (; next.done !== true; next = await records.next())
    found.push([next.value.line, next.value.bytes.toString()]);
  return { found, tooLong: next.value.tooLong };
}

test("finds what a plain search finds, however the file is read", async () => {
  const line = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.boolean(),
      fc.integer({ min: 1, max: 30 }),
      async (lines, ended, most) => {
        const text = lines.join("\n") + (ended && lines.length > 0 ? "\n" : "");
        const records = text === "" ? [] : text.replace(/\n$/, "").split("\n");
        for (const needle of ["ab", ""]) {
          const expected = records.flatMap((record, i) => (record.includes(needle) ? [[i + 1, record]] : []));
          expect((await search(Buffer.from(text), needle, 1000, most)).found).toEqual(expected);
        }
      },
    ),
  );
});

test("records that are too long are counted, and those after them are found at their line", async () => {
  const long = "x".repeat(200_000);
  const text = `${long}needle\nneedle 2\n${long}\nneedle 4\n${long}needle`;
  expect(await search(Buffer.from(text), "needle", 100)).toEqual({
    found: [
      [2, "needle 2"],
      [4, "needle 4"],
    ],
    tooLong: 3,
  });
});
