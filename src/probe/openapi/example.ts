import { field, items, members, type OpenApi } from "./document.ts";

/** Schemas within schemas: what is deeper is left out. */
const MAX_DEPTH = 8;
/** Members of one object. */
const MAX_MEMBERS = 50;

/**
 * A value for a parameter or a body: the author's example, default or first choice, otherwise one that
 * fits its type and format.
 * @param described a parameter, header or media type object
 */
export function exampleOf(api: OpenApi, described: unknown): unknown {
  const given = givenExample(api, described);
  return given === undefined ? exampleOfSchema(api, field(described, "schema"), 0) : given;
}

/** `example`, or the first of `examples`, which are objects with a `value`. */
function givenExample(api: OpenApi, described: unknown): unknown {
  const example = field(described, "example");
  if (example !== undefined) return example;
  const [first] = members(field(described, "examples"));
  return first && field(api.resolve(first[1]), "value");
}

function exampleOfSchema(api: OpenApi, reference: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) return undefined;
  const schema = api.resolve(reference);
  for (const key of ["const", "example", "default"]) {
    const value = field(schema, key);
    if (value !== undefined) return value;
  }
  const [listed] = [...items(field(schema, "examples")), ...items(field(schema, "enum"))];
  if (listed !== undefined) return listed;
  const [part] = ["oneOf", "anyOf", "allOf"].flatMap((key) => items(field(schema, key)));
  if (part !== undefined && field(schema, "type") === undefined) {
    return allOf(api, schema, depth) ?? exampleOfSchema(api, part, depth + 1);
  }
  return byType(api, schema, depth);
}

/** The members of all parts together, where each is an object. */
function allOf(api: OpenApi, schema: unknown, depth: number): unknown {
  const parts = items(field(schema, "allOf")).map((part) => exampleOfSchema(api, part, depth + 1));
  const areObjects = parts.every((part) => typeof part === "object" && part !== null);
  return parts.length > 0 && areObjects ? Object.fromEntries(parts.flatMap(members)) : undefined;
}

function byType(api: OpenApi, schema: unknown, depth: number): unknown {
  const type = field(schema, "type");
  // 3.1 allows several
  switch (Array.isArray(type) ? type.find((one) => one !== "null") : type) {
    case "integer":
    case "number":
      return Math.max(1, Number(field(schema, "minimum") ?? 1)) || 1;
    case "boolean":
      return true;
    case "array":
      return [exampleOfSchema(api, field(schema, "items"), depth + 1)].filter((item) => item !== undefined);
    case "object":
      return objectOf(api, schema, depth);
    case "string":
      return field(FORMATS, String(field(schema, "format"))) ?? padded(field(schema, "minLength"));
    default:
      return field(schema, "properties") === undefined ? "example" : objectOf(api, schema, depth);
  }
}

/** The members that must be there. */
function objectOf(api: OpenApi, schema: unknown, depth: number): object {
  const required = new Set(items(field(schema, "required")));
  const wanted = members(field(schema, "properties")).filter(([name]) => required.has(name));
  return Object.fromEntries(
    wanted.slice(0, MAX_MEMBERS).map(([name, part]) => [name, exampleOfSchema(api, part, depth + 1)]),
  );
}

const MAX_PADDING = 256;

function padded(length: unknown): string {
  return "example".padEnd(typeof length === "number" ? Math.min(length, MAX_PADDING) : 0, "x");
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
