import { FleetsecError } from "../../errors.ts";
import { jsonStructure } from "../../json-structure.ts";
import { parseYaml } from "../../yaml.ts";

/** Bytes of an OpenAPI document. */
export const MAX_OPENAPI = 16 << 20;
/** Characters of one in YAML, which takes far longer to read than JSON. */
const MAX_YAML = 1 << 20;
/** Collections within collections. */
const MAX_DEPTH = 200;
/** More than any honest file has; each one is a chance to multiply. */
const MAX_ALIASES = 100;
/** Values of a document in YAML, each as often as aliases name it: a circle never ends. */
const MAX_YAML_VALUES = 1 << 21;
/** References that lead to references. */
const MAX_REFERENCES = 32;
/** Characters of one: it is followed wherever it stands. */
const MAX_REFERENCE = 2000;

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
    return /^\s*\{/.test(text) ? valueOfJson(text) : valueOfYaml(text);
  } catch (cause) {
    throw new FleetsecError("input", `${name} is neither JSON nor YAML that can be read: ${String(cause)}`, {
      cause,
    });
  }
}

/** What stands twice would be lost without a word: an operation that nobody probes. */
function valueOfJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const { duplicate, depth } = jsonStructure(text);
  if (duplicate !== undefined) {
    throw new RangeError(`the key ${shortened(duplicate)} stands twice in one object`);
  }
  if (depth > MAX_DEPTH) throw new RangeError("nested too deeply");
  return value;
}

function valueOfYaml(text: string): unknown {
  if (text.length > MAX_YAML) throw new RangeError("more than a megabyte of YAML: write it as JSON");
  const document = parseYaml(text);
  const [fault] = document.errors;
  if (fault !== undefined) throw fault;
  const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
  checkExtent(value);
  return value;
}

/** Level by level: what recursion would not survive is what is looked for, such as an alias within itself. */
function checkExtent(root: unknown): void {
  let [level, values]: [unknown[], number] = [[root], 1];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw new RangeError("nested too deeply");
    const inner: unknown[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      const own = Object.values(value);
      values += own.length;
      if (values > MAX_YAML_VALUES) throw new RangeError("its aliases multiply what it holds without end");
      for (const one of own) inner.push(one);
    }
    level = inner;
  }
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
  return new FleetsecError("input", `the reference ${shortened(String(reference))} ${how}`);
}

/** A text of the document's for messages. */
export function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

const MAX_SHOWN = 200;

/** RFC 6901, in a URI fragment. */
function pointedAt(root: unknown, reference: string): unknown {
  if (reference.length > MAX_REFERENCE) throw broken(reference, "is too long");
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
