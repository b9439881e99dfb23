import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { MAX_KEPT } from "../../../src/probe/exchange.ts";
import { decoded } from "../../../src/probe/protocols/content-coding.ts";

const TEXT = "positions of all trucks ".repeat(40);
const CODERS: readonly [string, (text: string | Uint8Array) => Buffer][] = [
  ["gzip", (text) => gzipSync(text)],
  ["X-GZIP", (text) => gzipSync(text)],
  ["deflate", (text) => deflateSync(text)],
  ["deflate", (text) => deflateRawSync(text)],
  ["br", (text) => brotliCompressSync(text)],
];

describe.each(CODERS)("%s", (coding, encode) => {
  test("is taken off, also of what has not come to its end", () => {
    const body = encode(TEXT);
    expect(Buffer.from(decoded(body, coding)).toString()).toBe(TEXT);
    const begun = Buffer.from(decoded(body.subarray(0, -4), coding)).toString();
    expect(TEXT.startsWith(begun)).toBe(true);
  });

  test("does not swell without bounds", () => {
    const bomb = encode("x".repeat(4 * 1024 * 1024));
    expect(decoded(bomb, coding).length).toBeLessThanOrEqual(8 * MAX_KEPT);
  });

  test("is left where it is none", () => {
    const body = Buffer.from("positions of all trucks");
    expect(decoded(body, coding)).toEqual(body);
    expect(decoded(new Uint8Array(), coding)).toHaveLength(0);
  });
});

test.each(["gzip, gzip", "deflate, br, x-gzip", "identity, GZIP ,", "gzip, gzip, gzip, gzip, gzip"])(
  "%j is taken off from the outside in",
  (codings) => {
    const coders = new Map(CODERS);
    let body: Uint8Array = Buffer.from(TEXT);
    for (const coding of codings.toLowerCase().split(","))
      body = coders.get(coding.trim().replace("x-", ""))?.(body) ?? body;
    expect(Buffer.from(decoded(body, codings)).toString()).toBe(TEXT);
  },
);

test("of many codings none is taken off, and of some that are not understood those around them are", () => {
  const many = Array.from({ length: 6 }, () => "gzip").join();
  expect(decoded(gzipSync(TEXT), many)).toEqual(gzipSync(TEXT));
  expect(Buffer.from(decoded(gzipSync(TEXT), "zstd, gzip")).toString()).toBe(TEXT);
});

test("a bomb within a bomb does not swell without bounds", () => {
  const bomb = gzipSync(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
  expect(decoded(bomb, "gzip, gzip").length).toBeLessThanOrEqual(8 * MAX_KEPT);
});

test.each(["", "identity", "zstd", "gzip, br", "constructor"])("%j is left as it is", (coding) => {
  expect(decoded(gzipSync(TEXT), coding)).toEqual(gzipSync(TEXT));
});
