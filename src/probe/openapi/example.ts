import { field, items } from "./document.ts";
import { type Draft, unaskable } from "./draft.ts";

/** Schemas within schemas, each another one. */
const MAX_DEPTH = 64;

/**
 * A value for a parameter or a body: the author's example, default or first choice, otherwise one that
 * fits its type and format.
 * @param described a parameter, header or media type object
 * @throws FleetsecError `input` where there is none, or none that is small enough to be sent
 */
export function exampleOf(draft: Draft, described: unknown): unknown {
  const given = givenExample(draft, described);
  if (given !== undefined) return draft.taken(given);
  const made = exampleOfSchema(draft, field(described, "schema"), []);
  if (made === undefined)
    throw unaskable("a value that it demands has to hold another of its kind, without end");
  return made;
}

/** `example`, or the first of `examples`, which are objects with a `value`. */
function givenExample(draft: Draft, described: unknown): unknown {
  const example = field(described, "example");
  if (example !== undefined) return example;
  const [first] = draft.members(field(described, "examples"));
  return first && field(draft.resolve(first[1]), "value");
}

/**
 * @param within the schemas that it stands in
 * @returns undefined where it would have to hold itself
 */
function exampleOfSchema(draft: Draft, reference: unknown, within: readonly unknown[]): unknown {
  const schema = draft.resolve(reference);
  draft.spend(0);
  if (within.includes(schema)) return undefined;
  if (within.length === MAX_DEPTH) throw unaskable("a value that it demands is nested too deeply");
  const given = givenBy(schema);
  if (given !== undefined) return draft.taken(given);
  const inner = [...within, schema];
  if (field(schema, "type") !== undefined) return byType(draft, schema, inner);
  const parts = items(field(schema, "allOf"));
  if (parts.length > 0) return allOf(draft, schema, parts, inner);
  const choices = ["oneOf", "anyOf"].map((key) => items(field(schema, key))).find(({ length }) => length > 0);
  return choices === undefined ? byType(draft, schema, inner) : firstOf(draft, choices, inner);
}

/** What the author says of it: a value that is meant, or the first of several. */
function givenBy(schema: unknown): unknown {
  for (const key of ["const", "example", "default"]) {
    const value = field(schema, key);
    if (value !== undefined) return value;
  }
  return items(field(schema, "examples"))[0] ?? items(field(schema, "enum"))[0];
}

/** The members of all parts and its own together, where each is an object; otherwise what the first one is. */
function allOf(
  draft: Draft,
  schema: unknown,
  parts: readonly unknown[],
  within: readonly unknown[],
): unknown {
  const made = [];
  for (const part of parts) {
    const value = exampleOfSchema(draft, part, within);
    if (value === undefined) return undefined;
    made.push(value);
  }
  const own = objectOf(draft, schema, within);
  if (own === undefined) return undefined;
  const areObjects = made.every((part) => typeof part === "object" && part !== null && !Array.isArray(part));
  return areObjects ? Object.fromEntries([...made, own].flatMap((part) => draft.members(part))) : made[0];
}

/** Of several choices the first that has an end. */
function firstOf(draft: Draft, choices: readonly unknown[], within: readonly unknown[]): unknown {
  for (const choice of choices) {
    const value = exampleOfSchema(draft, choice, within);
    if (value !== undefined) return value;
  }
  return undefined;
}

function byType(draft: Draft, schema: unknown, within: readonly unknown[]): unknown {
  const type = field(schema, "type");
  // 3.1 allows several
  switch (Array.isArray(type) ? type.find((one) => one !== "null") : type) {
    case "integer":
    case "number":
      return Math.max(1, numberOf(schema, "minimum"));
    case "boolean":
      return true;
    case "array":
      return arrayOf(draft, schema, within);
    case "object":
      return objectOf(draft, schema, within);
    case "string":
      return field(FORMATS, textOf(schema, "format")) ?? textFor(draft, schema);
    default:
      return field(schema, "properties") === undefined ? "example" : objectOf(draft, schema, within);
  }
}

/** As many items as there must be, and one where that is nothing. */
function arrayOf(draft: Draft, schema: unknown, within: readonly unknown[]): unknown[] | undefined {
  const least = numberOf(schema, "minItems");
  const item = exampleOfSchema(draft, field(schema, "items"), within);
  if (item === undefined) return least > 0 ? undefined : [];
  const made = [item];
  while (made.length < least) made.push(draft.taken(item));
  return made;
}

/** The members that must be there. */
function objectOf(draft: Draft, schema: unknown, within: readonly unknown[]): object | undefined {
  const properties = field(schema, "properties");
  const made: [string, unknown][] = [];
  for (const name of items(field(schema, "required"))) {
    draft.spend(typeof name === "string" ? name.length : 0);
    const part = typeof name === "string" ? field(properties, name) : undefined;
    if (typeof name !== "string" || part === undefined) continue;
    const value = exampleOfSchema(draft, part, within);
    if (value === undefined) return undefined;
    made.push([name, value]);
  }
  return Object.fromEntries(made);
}

function textFor(draft: Draft, schema: unknown): string {
  const [least, most] = [numberOf(schema, "minLength"), numberOf(schema, "maxLength", Infinity)];
  draft.spend(least);
  return "example".slice(0, most).padEnd(least, "x");
}

function numberOf(schema: unknown, key: string, otherwise = 0): number {
  const value = field(schema, key);
  return typeof value === "number" ? value : otherwise;
}

function textOf(schema: unknown, key: string): string {
  const value = field(schema, key);
  return typeof value === "string" ? value : "";
}

const FORMATS: Readonly<Record<string, string>> = {
  uuid: "00000000-0000-4000-8000-000000000000",
  date: "2025-01-01",
  "date-time": "2025-01-01T00:00:00Z",
  time: "00:00:00Z",
  duration: "PT1H",
  email: "probe@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  byte: "AA==",
};
