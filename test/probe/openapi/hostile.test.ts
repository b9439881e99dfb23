import { describe, expect, test } from "vitest";
import { parseOpenApi } from "../../../src/probe/openapi/document.ts";
import { expand } from "../../../src/probe/openapi/operations.ts";

const BASE = "https://gateway.example:8443";
const SCHEMA = "#/components/schemas";

const expanded = (document: object) =>
  expand(parseOpenApi(JSON.stringify({ openapi: "3.1.0", ...document }), "api"), BASE, true);

/** What is sent as JSON to `/a`, or why nothing is, where `/b` is asked in any case. */
function sent(schema: object, schemas: object = {}): unknown {
  const requestBody = { required: true, content: { "application/json": { schema } } };
  const paths = { "/a": { post: { requestBody } }, "/b": { get: {} } };
  const { targets, leftOut } = expanded({ paths, components: { schemas } });
  expect(targets.at(-1)?.path).toBe("/b");
  if (leftOut.length === 0) return JSON.parse(Buffer.from(targets[0]?.body?.bytes ?? []).toString());
  expect(leftOut).toMatchObject([{ target: `POST ${BASE}/a`, wanted: true }]);
  return leftOut[0]?.reason;
}

/** Schemas s0, s1… each made of the next one, and what the first one comes to. */
function chained(count: number, of: (next: object) => object): unknown {
  const link = (i: number) => (i === count ? { const: 1 } : of({ $ref: `${SCHEMA}/s${i + 1}` }));
  const schemas = Object.fromEntries(Array.from({ length: count + 1 }, (_, i) => [`s${i}`, link(i)]));
  return sent({ $ref: `${SCHEMA}/s0` }, schemas);
}

const objectOf = (names: readonly string[]) => (next: object) => ({
  type: "object",
  required: names,
  properties: Object.fromEntries(names.map((name) => [name, next])),
});

const TOO_MUCH = "what it demands is more than 256 KiB";
const NO_END = "a value that it demands has to hold another of its kind, without end";

describe("a value that a document demands", () => {
  test("is made however it branches, up to a bound", () => {
    const names = "abcdefghij".split("");
    expect(chained(1, objectOf(names))).toEqual(Object.fromEntries(names.map((name) => [name, 1])));
    expect(JSON.stringify(chained(3, objectOf(names))).match(/1/g)).toHaveLength(1000);
    expect(chained(12, objectOf(names))).toBe(TOO_MUCH);
    expect(chained(12, (next) => ({ type: "array", minItems: 10, items: next }))).toBe(TOO_MUCH);
    const allOf = (next: object) => ({ allOf: Array.from({ length: 10 }, () => next) });
    expect(chained(2, allOf)).toBe(1);
    expect(chained(12, allOf)).toBe(TOO_MUCH);
  });

  test("is nested as deeply as is written, up to a bound", () => {
    expect(JSON.stringify(chained(40, objectOf(["a"]))).match(/a/g)).toHaveLength(40);
    expect(chained(1000, objectOf(["a"]))).toBe("a value that it demands is nested too deeply");
  });

  test.each<[string, object, unknown]>([
    ["a list of 3", { type: "array", minItems: 3, items: { type: "boolean" } }, [true, true, true]],
    ["a list of 1e9", { type: "array", minItems: 1e9, items: { type: "boolean" } }, TOO_MUCH],
    ["a text of 1e3", { type: "string", minLength: 1e3 }, `example${"x".repeat(993)}`],
    ["a text of 1e9", { type: "string", minLength: 1e9 }, TOO_MUCH],
    ["a short text, often", { type: "array", minItems: 2, items: { const: "xy" } }, ["xy", "xy"]],
    ["a long text, often", { type: "array", minItems: 500, items: { const: "x".repeat(1000) } }, TOO_MUCH],
    ["a long example", { example: ["x".repeat(3e5)] }, TOO_MUCH],
    ["names without end", { type: "object", required: Array.from({ length: 1e5 }, () => "a") }, TOO_MUCH],
  ])("%s", (_what, schema, value) => expect(sent(schema)).toEqual(value));

  test("is of a kind that holds itself only where it has an end", () => {
    const node = { $ref: `${SCHEMA}/Node` };
    const nodeWith = (properties: object) =>
      sent(node, { Node: { type: "object", required: Object.keys(properties), properties } });
    const list = { type: "array", items: node };
    expect(nodeWith({ n: { const: 1 }, all: list, more: list })).toEqual({ n: 1, all: [], more: [] });
    expect(nodeWith({ next: node })).toBe(NO_END);
    expect(nodeWith({ all: { ...list, minItems: 1 } })).toBe(NO_END);
    const ofKind = (Node: object) => sent(node, { Node });
    expect(ofKind({ allOf: [node, node, node] })).toBe(NO_END);
    expect(ofKind({ oneOf: [node, node] })).toBe(NO_END);
    expect(ofKind({ anyOf: [node, { type: "integer" }] })).toBe(1);
    expect(ofKind({ oneOf: [{ allOf: [node] }, { const: "end" }] })).toBe("end");
  });

  test("has members of any name", () => {
    const schema = JSON.parse(
      '{"type":"object","required":["__proto__","constructor","toString"],"properties":{"__proto__":{"const":1},"constructor":{"const":2}}}',
    ) as object;
    expect(JSON.stringify(sent(schema))).toBe('{"__proto__":1,"constructor":2}');
    expect(JSON.stringify(sent({ allOf: [schema, { properties: {} }] }))).toBe(
      '{"__proto__":1,"constructor":2}',
    );
  });

  test("has the members of all parts, and its own", () => {
    const own = { required: ["b"], properties: { b: { const: 2 } } };
    expect(sent({ ...own, allOf: [objectOf(["a"])({ const: 1 })] })).toEqual({
      a: 1,
      b: 2,
    });
  });
});

describe("an operation", () => {
  const parameters = (...more: object[]) => expanded({ paths: { "/a/{p}": { get: { parameters: more } } } });
  const text = (name: string, place: string, length: number) => ({
    name,
    in: place,
    required: true,
    example: "x".repeat(length),
  });

  test.each([
    ["a long value in the path", [text("p", "path", 1000)], [text("p", "path", 1001)]],
    ["a long value in the query", [text("q", "query", 1000)], [text("q", "query", 1001)]],
    ["a long value in a field", [text("x", "header", 4000)], [text("x", "header", 4001)]],
    [
      "a long path",
      Array.from({ length: 7 }, (_, i) => text(`q${i}`, "query", 1000)),
      Array.from({ length: 8 }, (_, i) => text(`q${i}`, "query", 1000)),
    ],
    [
      "many cookies",
      Array.from({ length: 3 }, (_, i) => text(`c${i}`, "cookie", 1000)),
      Array.from({ length: 4 }, (_, i) => text(`c${i}`, "cookie", 1000)),
    ],
    [
      "many parameters",
      Array.from({ length: 200 }, (_, i) => text(`q${i}`, "query", 1)),
      Array.from({ length: 201 }, (_, i) => text(`q${i}`, "query", 1)),
    ],
  ])("with %s is asked up to a bound, and never with less than it demands", (_what, bearable, tooMuch) => {
    expect(parameters(...bearable)).toMatchObject({ targets: [{}], leftOut: [] });
    expect(parameters(...tooMuch)).toMatchObject({ targets: [], leftOut: [{ wanted: true }] });
  });

  test("is not left out for a parameter that need not be there", () => {
    const optional = { name: "q", in: "query", schema: { type: "string", minLength: 1e9 } };
    expect(parameters(optional).targets).toHaveLength(1);
    expect(parameters({ ...optional, required: true }).targets).toEqual([]);
  });

  test("of a long path or reference is named by its beginning", () => {
    const long = `/${"a".repeat(1e5)}`;
    const { leftOut } = expanded({
      paths: { [long]: { get: {} }, "/r": { $ref: `#${long}` }, "/b": { get: {} } },
    });
    expect(leftOut).toHaveLength(2);
    for (const { target, reason } of leftOut) expect((target + reason).length).toBeLessThan(500);
  });

  test("that is well is asked beside many that take the most", () => {
    const schema = { type: "array", minItems: 1e4, items: { const: "x" } };
    const large = { requestBody: { required: true, content: { "application/json": { schema } } } };
    const many = Array.from({ length: 2000 }, (_, i) => [`/${i}`, { post: large }] as const);
    const asked = (count: number) =>
      expanded({ paths: { "/first": { get: {} }, ...Object.fromEntries(many.slice(0, count)) } });
    expect(asked(50)).toMatchObject({ leftOut: [] });
    const { targets, leftOut } = asked(2000);
    expect(targets[0]?.path).toBe("/first");
    expect(leftOut.at(-1)?.reason).toBe("what the document demands of all requests together is too much");
    const bytes = targets.reduce((sum, { body }) => sum + (body?.bytes.length ?? 0), 0);
    expect(bytes).toBeLessThan(1 << 25);
  });
});
