import { expect, test } from "vitest";
import { newestSizes } from "../../../src/logs/anchor/place.ts";

test("of a log's folder the eight newest checkpoints are taken, by their sizes and not by their letters", () => {
  const sizes = [9, 10, 2, 100, 11, 3, 1000, 8, 99, 7].map(String);
  expect(newestSizes(sizes)).toEqual(["1000", "100", "99", "11", "10", "9", "8", "7"]);
  expect(newestSizes(["1", "0"])).toEqual(["1", "0"]);
  expect(newestSizes([])).toEqual([]);
});

test("what is no size is passed over", () => {
  const names = ["", "-1", "01", "+1", "1e3", "1.tmp", " 1", "1/2", "10000000000000000", "x"];
  expect(newestSizes([...names, "1"])).toEqual(["1"]);
});
