import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationFlag, formatDuration, parseDuration } from "../src/duration.ts";

describe("durations", () => {
  test.each([
    ["90s", 90],
    ["5m", 300],
    ["24h", 86_400],
    ["30d", 2_592_000],
  ])("%s is %d seconds", (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  test.each(["", "0s", "-1h", "1", "h", "1.5h", "1h30m", " 1h", "1H", "1e3s", "99999999999s", "1w"])(
    "%j is none",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
      expect(() => durationFlag(text, "--ttl")).toThrow(expect.objectContaining({ code: "usage" }));
    },
  );

  test("what is formatted parses to the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds);
        expect(durationFlag(formatDuration(seconds), "--ttl")).toBe(seconds);
      }),
    );
  });
});
