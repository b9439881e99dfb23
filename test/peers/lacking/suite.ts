import { describe, expect, test } from "vitest";
import { describeWithEngines, describeWithVectors } from "../engines.ts";

describe("outer", () => {
  describeWithEngines(["node", "no-such-engine"], "gateway", () => {
    throw new Error("the body is not called");
  });
});

describeWithVectors("no-such-vectors.json", "signatures", () => {
  throw new Error("the body is not called");
});

describeWithEngines(["node"], "present", ({ node }) => {
  test("is given its engine", () => expect(node.path).toMatch(/node$/));
});

const pageOf = () => {
  throw new Error("the body is not called");
};
describeWithEngines(["node"], "a page of what it does", pageOf, { isPage: true });
