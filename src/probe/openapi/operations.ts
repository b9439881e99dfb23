import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../../errors.ts";
import { isSafe } from "../methods.ts";
import { parseTarget, type Target } from "../target.ts";
import { field, items, members, type OpenApi } from "./document.ts";
import { exampleOf } from "./example.ts";

/** What an OpenAPI document describes, as targets; and what of it is left out. */
export interface Expanded {
  readonly targets: readonly Target[];
  readonly leftOut: readonly LeftOut[];
}

/** An operation that is not probed. */
export interface LeftOut {
  /** `POST https://gateway.example/v1/tenders`. */
  readonly target: string;
  readonly reason: string;
  /** It was to be probed and cannot be: what it accepts is not established. Not so where the method is too much. */
  readonly wanted?: true;
}

const METHODS = ["get", "head", "options", "post", "put", "patch", "delete", "trace"];
const MAX_OPERATIONS = 5000;

/**
 * Every path and method of a document, with examples for what a request has to hold.
 * @param base where the API is, e.g. `https://gateway.example:8443/api`
 * @param allowUnsafe also methods that may change something
 * @throws FleetsecError `input` for a document that is not what it should be, `usage` for the base
 */
export function expand(api: OpenApi, base: string, allowUnsafe: boolean): Expanded {
  const origin = parseTarget(base);
  if (origin.scheme !== "https" && origin.scheme !== "h2") {
    throw new FleetsecError("usage", `an API is not reached over ${origin.scheme}://`, {
      hint: "write --base-url https://HOST:PORT or h2://HOST:PORT",
    });
  }
  if (origin.path.includes("?")) throw new FleetsecError("usage", `--base-url holds a query: ${base}`);
  const stem = base.replace(/\/$/, "");
  const targets: Target[] = [];
  const leftOut: LeftOut[] = [];
  for (const described of operationsOf(api)) {
    const { path } = described;
    if ("reason" in described) {
      leftOut.push({ target: `${stem}${path}`, reason: described.reason, wanted: true });
      continue;
    }
    const { method } = described;
    const target = `${method} ${stem}${path}`;
    if (!allowUnsafe && !isSafe(method)) {
      leftOut.push({ target, reason: `${method} may change something (--allow-unsafe-methods)` });
      continue;
    }
    const asked = orReason(() => targetOf(api, origin, stem, described));
    if ("reason" in asked) leftOut.push({ target, reason: asked.reason, wanted: true });
    else targets.push(asked.value);
  }
  return { targets, leftOut };
}

interface Reason {
  readonly reason: string;
}

/** What is made of a part of the document, or why it cannot be: a reference in it leads nowhere. */
function orReason<T>(make: () => T): { readonly value: T } | Reason {
  try {
    return { value: make() };
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "input") return { reason: error.message };
    throw error;
  }
}

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly pathItem: unknown;
  readonly operation: unknown;
}

/** @throws FleetsecError `input` for what it cannot be asked with */
function targetOf(
  api: OpenApi,
  origin: Target,
  stem: string,
  { method, path, pathItem, operation }: Operation,
): Target {
  if (!isAtBase(api, pathItem, operation)) throw unaskable("it is at servers of its own, not at the base");
  const request = requestOf(api, path, [field(pathItem, "parameters"), field(operation, "parameters")]);
  return targetAt(origin, stem, method, request, bodyOf(api, field(operation, "requestBody")));
}

/** Servers of an operation or a path stand in place of the document's, for which the base stands (OpenAPI 3.1, section 4.8.10). */
function isAtBase({ root }: OpenApi, pathItem: unknown, operation: unknown): boolean {
  const own = [field(operation, "servers"), field(pathItem, "servers")].find((one) => items(one).length > 0);
  return own === undefined || isDeepStrictEqual(own, field(root, "servers"));
}

interface Unknown extends Reason {
  readonly path: string;
}

/** Every operation; or a path whose operations cannot be known. */
function operationsOf(api: OpenApi): (Operation | Unknown)[] {
  const found = members(field(api.root, "paths")).flatMap(([path, reference]): (Operation | Unknown)[] => {
    const item = orReason(() => api.resolve(reference));
    if ("reason" in item) return [{ path, ...item }];
    const pathItem = item.value;
    return METHODS.flatMap((method) => {
      const operation = field(pathItem, method);
      return operation === undefined ? [] : [{ method: method.toUpperCase(), path, pathItem, operation }];
    });
  });
  if (found.length === 0) throw new FleetsecError("input", "the OpenAPI document describes no operation");
  if (found.length > MAX_OPERATIONS) {
    throw new FleetsecError("input", `the OpenAPI document describes more than ${MAX_OPERATIONS} operations`);
  }
  return found;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly value: unknown;
  /** How the value is written in a path. */
  readonly style: "json" | "simple" | "label" | "matrix";
  /** Whether members of an object are written with `=`. */
  readonly explode: boolean;
}

/** Of the path item and the operation; those of the operation win. */
function parametersOf(api: OpenApi, lists: readonly unknown[]): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const reference of lists.flatMap(items)) {
    const parameter = api.resolve(reference);
    const [name, place] = [field(parameter, "name"), field(parameter, "in")];
    if (typeof name !== "string" || typeof place !== "string") continue;
    const content = members(field(parameter, "content"))[0]?.[1];
    found.set(`${place} ${name}`, {
      name,
      in: place,
      required: field(parameter, "required") === true || place === "path",
      value: exampleOf(api, content ?? parameter),
      style: content === undefined ? styleOf(parameter) : "json",
      explode: field(parameter, "explode") === true,
    });
  }
  return [...found.values()].filter(({ required }) => required);
}

function styleOf(parameter: unknown): Parameter["style"] {
  const style = field(parameter, "style");
  return style === "label" || style === "matrix" ? style : "simple";
}

interface Request {
  readonly path: string;
  readonly fields: Target["fields"];
}

/** A request with everything that it has to hold. @throws FleetsecError `input` where there is none */
function requestOf(api: OpenApi, template: string, lists: readonly unknown[]): Request {
  const parameters = parametersOf(api, lists);
  const inPath = (name: string) => parameters.find((one) => one.in === "path" && one.name === name);
  if (!/^\/[!-~]*$/.test(template)) throw unaskable("its path has characters that a URL cannot hold");
  const path = template.replaceAll(/\{([^{}]{1,200})\}/g, (_whole, name: string) => segment(inPath(name)));
  const query = parameters
    .filter((one) => one.in === "query")
    .flatMap(({ name, value }) => (Array.isArray(value) ? value : [value]).map((one) => [name, one] as const))
    .map(([name, value]) => `${encoded(name)}=${encoded(text(value))}`);
  const cookies = parameters
    .filter((one) => one.in === "cookie")
    .map(({ name, value }) => `${encoded(name)}=${encoded(text(value))}`);
  const fields = parameters
    .filter((one) => one.in === "header" && !RESERVED.has(one.name.toLowerCase()))
    .map((one) => [one.name.toLowerCase(), parts(one, (part) => part).join(",")] as const);
  if (!fields.every(isField)) throw unaskable("it demands a header field that cannot be sent");
  return {
    path: query.length === 0 ? path : `${path}?${query.join("&")}`,
    fields: cookies.length === 0 ? fields : [...fields, ["cookie", cookies.join("; ")]],
  };
}

/** OpenAPI gives parameters of these names no meaning, and those of a connection are not the author's to set. */
const RESERVED = new Set(["accept", "content-type", "authorization", "host", "connection", "content-length"]);

/** RFC 9110, section 5: nothing that could begin another field. */
function isField([name, value]: readonly [string, string]): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/.test(name) && /^[ -~]{0,1000}$/.test(value);
}

/** One value in a path. @throws FleetsecError `input` for a style that is not written here */
function segment(parameter: Parameter | undefined): string {
  if (parameter === undefined) return "example";
  const { style } = parameter;
  if (style === "label" || style === "matrix") throw unaskable(`a value in its path is of style ${style}`);
  return parts(parameter, encoded).join(",") || "example";
}

/** What stands between the commas of style `simple`, that of paths and fields (OpenAPI 3.1, section 4.8.12.3). */
function parts({ value, style, explode }: Parameter, write: (part: string) => string): string[] {
  if (style === "json" || typeof value !== "object" || value === null)
    return [write(text(value ?? "example"))];
  if (Array.isArray(value)) return value.map((one) => write(text(one)));
  const pairs = members(value).map(([name, one]) => [write(name), write(text(one))]);
  return explode ? pairs.map((pair) => pair.join("=")) : pairs.flat();
}

function text(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** As one path segment or query value, whatever it holds; a segment of dots would lead elsewhere. */
function encoded(value: string): string {
  return encodeURIComponent(Buffer.from(value.slice(0, 200)).toString()).replaceAll(/^\.{1,2}$/g, "example");
}

/** What the operation has to be sent, or nothing. @throws FleetsecError `input` where it cannot be made */
function bodyOf(api: OpenApi, reference: unknown): Target["body"] {
  const body = api.resolve(reference);
  if (body === undefined || field(body, "required") !== true) return undefined;
  const contents = members(field(body, "content"));
  const json = contents.find(([type]) => /^application\/([\w.-]+\+)?json$/.test(type));
  if (json !== undefined) {
    const [type, media] = json;
    return { type, bytes: Buffer.from(JSON.stringify(exampleOf(api, media) ?? {})) };
  }
  for (const [type, media] of contents) {
    // of nothing at all a text is made up too
    const isDescribed = ["example", "examples", "schema"].some((name) => field(media, name) !== undefined);
    const example = isDescribed ? exampleOf(api, media) : undefined;
    if (typeof example === "string" && isField(["content-type", type])) {
      return { type, bytes: Buffer.from(example) };
    }
  }
  throw unaskable("it demands a body that is not JSON, without an example that is a text");
}

function unaskable(why: string): FleetsecError {
  return new FleetsecError("input", why);
}

function targetAt(
  origin: Target,
  stem: string,
  method: string,
  { path, fields }: Request,
  body: Target["body"],
): Target {
  return {
    ...origin,
    url: `${method === "GET" ? "" : `${method} `}${stem}${path}`,
    method,
    path: `${origin.path.replace(/\/$/, "")}${path}`,
    fields,
    body,
  };
}
