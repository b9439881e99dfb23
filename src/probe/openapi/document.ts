import { FleetsecError } from "../../errors.ts";
import { parseYaml } from "../../yaml.ts";

/** Bytes of an OpenAPI document. */
export const MAX_OPENAPI = 16 << 20;
/** Characters of one in YAML, which takes far longer to read than JSON. */
const MAX_YAML = 1 << 20;
/** Collections within collections. */
const MAX_DEPTH = 200;
/** More than any honest file has; each one is a chance to multiply. */
const MAX_ALIASES = 100;
/** References that lead to references. */
const MAX_REFERENCES = 32;

/** An OpenAPI document, as plain values that nobody has checked. */
export interface OpenApi {
  readonly root: unknown;
  /**
   * The value itself, or what its `$ref` leads to within the document.
   * @throws FleetsecError `input` for a reference that leads nowhere, out of the document, or in a circle
   */
  resolve(value: unknown): unknown;
}

/**
 * Reads OpenAPI 3.0 or 3.1, in JSON or YAML.
 * @param name what the text is, for messages
 * @throws FleetsecError `input`
 */
export function parseOpenApi(text: string, name: string): OpenApi {
  const root = valueOf(text, name);
  const version = field(root, "openapi");
  if (typeof version !== "string" || !/^3\.[01]\.\d{1,3}(-|$)/.test(version)) {
    throw new FleetsecError("input", `${name} is not OpenAPI 3.0 or 3.1`, {
      hint: "its first line says openapi: 3.1.0 or the like; convert Swagger 2.0 first",
    });
  }
  return { root, resolve: (value) => resolve(root, value) };
}

function valueOf(text: string, name: string): unknown {
  try {
    const value: unknown = /^\s*\{/.test(text) ? JSON.parse(text) : valueOfYaml(text);
    if (depthOf(value) > MAX_DEPTH) throw new RangeError("nested too deeply");
    return value;
  } catch (cause) {
    throw new FleetsecError("input", `${name} is neither JSON nor YAML that can be read: ${String(cause)}`, {
      cause,
    });
  }
}

function valueOfYaml(text: string): unknown {
  if (text.length > MAX_YAML) throw new RangeError("more than a megabyte of YAML: write it as JSON");
  const document = parseYaml(text);
  const [fault] = document.errors;
  if (fault !== undefined) throw fault;
  return document.toJS({ maxAliasCount: MAX_ALIASES });
}

/** Level by level: what recursion would not survive is what is looked for. */
function depthOf(root: unknown): number {
  let depth = 0;
  for (let level: unknown[] = [root]; level.length > 0 && depth <= MAX_DEPTH; depth += 1) {
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : [],
    );
  }
  return depth;
}

function resolve(root: unknown, value: unknown): unknown {
  let [at, reference] = [value, field(value, "$ref")];
  for (let i = 0; i < MAX_REFERENCES; i += 1) {
    if (typeof reference !== "string") return at;
    at = pointedAt(root, reference);
    reference = field(at, "$ref");
  }
  throw broken(field(value, "$ref"), "leads in a circle");
}

function broken(reference: unknown, how: string): FleetsecError {
  return new FleetsecError("input", `the reference ${String(reference)} ${how}`);
}

/** RFC 6901, in a URI fragment. */
function pointedAt(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#/")) {
    throw broken(reference, "leads to another document: bundle the parts into one file first");
  }
  let at: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    at = field(at, decoded(part).replaceAll("~1", "/").replaceAll("~0", "~"));
  }
  if (at === undefined) throw broken(reference, "leads to nothing");
  return at;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A member of an object or array by its own key; undefined for anything else. */
export function field(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

/** The members of an object, or of nothing. */
export function members(value: unknown): readonly (readonly [key: string, value: unknown])[] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

/** The items of an array, or of nothing. */
export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}
