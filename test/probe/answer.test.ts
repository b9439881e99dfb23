import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Answer, holds, sameAnswer } from "../../src/probe/answer.ts";

const answer = (content: string, label = "HTTP 200"): Answer => ({
  label,
  meaning: "other",
  content: Buffer.from(content),
});

describe("the control's answer", () => {
  test.each([
    ["equal to it", "hello", ["hello", "hello"], true],
    ["equal to one of two that differ", "hello 2", ["hello 1", "hello 2"], true],
    ["with the beginning that both have", "welcome to it, 3", ["welcome to it, 1", "welcome to it, 2"], true],
    ["other than both", "denied", ["welcome to it, 1", "welcome to it, 2"], false],
    ["with a common beginning too short to mean anything", "{3", ["{1", "{2"], false],
    ["with one control only, which it merely begins like", "hello!", ["hello"], false],
    ["with the end that both have", "3c welcome", ["1a welcome", "2b welcome"], true],
    ["whose number is like theirs by chance no more", "3c welcome", ["1a welcome", "2a welcome"], true],
    ["with both ends", "/ui?n=3\n end", ["/ui?n=1\n end", "/ui?n=2\n end"], true],
    ["with one of both ends", "/no?n=3\n end", ["/ui?n=1\n end", "/ui?n=2\n end"], false],
    ["with common ends too short to mean anything", "ok 3 now", ["ok 1 now", "ok 2 now"], false],
    [
      "with the beginning that both have, and another end",
      "a page, 3: log in",
      ["a page, 1: hello", "a page, 2: hello"],
      false,
    ],
    ["whose tokens begin alike by chance", "the page 9a73", ["the page 1b45", "the page 1b42"], true],
    ["whose tokens end alike by chance", "9a73 is the page", ["1b45 is the page", "7c45 is the page"], true],
    [
      "without the words between",
      "<html> 3 Please log in 3 </html>",
      ["<html> 1 Logged in 1 </html>", "<html> 2 Logged in 2 </html>"],
      false,
    ],
    [
      "with the words between",
      "<html> 3 Logged in 3 </html>",
      ["<html> 1 Logged in 1 </html>", "<html> 2 Logged in 2 </html>"],
      true,
    ],
    ["without controls", "hello", [], false],
  ])("%s", (_name, content, controls, same) => {
    expect(
      sameAnswer(
        answer(content),
        controls.map((one) => answer(one)),
      ),
    ).toBe(same);
  });

  test("an answer of another kind is never the same", () => {
    fc.assert(
      fc.property(fc.string(), (content) => {
        const controls = [answer(content), answer(content)];
        expect(sameAnswer(answer(content, "HTTP 403"), controls)).toBe(false);
        expect(sameAnswer(answer(content), controls)).toBe(true);
      }),
    );
  });

  test("a canary is looked for in the content", () => {
    expect(holds(answer("a canary sings"), "canary")).toBe(true);
    expect(holds(answer("a crow"), "canary")).toBe(false);
  });
});
