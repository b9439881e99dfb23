import type { Target } from "../target.ts";
import { field, items, members } from "./document.ts";
import { type Draft, unaskable } from "./draft.ts";
import { exampleOf } from "./example.ts";

/** Characters of a path with its query, as of a target that is named otherwise. */
export const MAX_PATH = 8000;
/** Parameters of one operation, its path item's too. */
const MAX_PARAMETERS = 200;
/** Characters of one value in a path, query or cookie. */
const MAX_VALUE = 1000;
const MAX_FIELD = 4000;

/** What is asked for, with everything that it has to hold. */
export interface Request {
  readonly path: string;
  readonly fields: Target["fields"];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly value: unknown;
  /** How the value is written in a path. */
  readonly style: "json" | "simple" | "label" | "matrix";
  /** Whether members of an object are written with `=`. */
  readonly explode: boolean;
}

/**
 * A request for a path of the document's.
 * @param lists parameters of the path item and of the operation
 * @throws FleetsecError `input` where there is none
 */
export function requestOf(draft: Draft, template: string, lists: readonly unknown[]): Request {
  if (template.length > MAX_PATH) throw unaskable(TOO_LONG);
  // a fragment is never sent (RFC 9110, section 7.1)
  if (!/^\/[!-"$-~]*$/.test(template)) throw unaskable("its path has characters that a URL cannot hold");
  const parameters = requiredOf(draft, lists);
  const inPath = new Map(parameters.filter((one) => one.in === "path").map((one) => [one.name, one]));
  const written = new Map<string, string>();
  const path = template.replaceAll(/\{([^{}]{1,200})\}/g, (_whole, name: string) => {
    const value = written.get(name) ?? segment(inPath.get(name));
    written.set(name, value);
    return value;
  });
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
  const all = cookies.length === 0 ? fields : [...fields, ["cookie", cookies.join("; ")] as const];
  if (!all.every(isField)) throw unaskable("it demands a header field that cannot be sent");
  const asked = query.length === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${query.join("&")}`;
  if (asked.length > MAX_PATH) throw unaskable(TOO_LONG);
  return { path: asked, fields: all };
}

const TOO_LONG = `its path, with the query, is longer than ${MAX_PATH} characters`;

/** Those that a request must have; those of the operation win. */
function requiredOf(draft: Draft, lists: readonly unknown[]): Parameter[] {
  const listed = lists.map(items);
  if (listed.reduce((count, { length }) => count + length, 0) > MAX_PARAMETERS) {
    throw unaskable(`it has more than ${MAX_PARAMETERS} parameters`);
  }
  const found = new Map<string, unknown>();
  for (const reference of listed.flat()) {
    const parameter = draft.resolve(reference);
    const [name, place] = [field(parameter, "name"), field(parameter, "in")];
    if (typeof name === "string" && typeof place === "string") found.set(`${place} ${name}`, parameter);
  }
  return [...found.values()]
    .filter((one) => field(one, "required") === true || field(one, "in") === "path")
    .map((one) => parameterOf(draft, one));
}

function parameterOf(draft: Draft, described: unknown): Parameter {
  const [content] = draft.members(field(described, "content"));
  return {
    name: String(field(described, "name")),
    in: String(field(described, "in")),
    value: exampleOf(draft, content?.[1] ?? described),
    style: content === undefined ? styleOf(described) : "json",
    explode: field(described, "explode") === true,
  };
}

function styleOf(parameter: unknown): Parameter["style"] {
  const style = field(parameter, "style");
  return style === "label" || style === "matrix" ? style : "simple";
}

/**
 * OpenAPI gives parameters of the first three names no meaning. Those of a connection and of a message's length are
 * not the author's to set (RFC 9110, section 7.6.1; RFC 9112, section 6).
 */
const RESERVED = new Set([
  "accept",
  "content-type",
  "authorization",
  "host",
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "upgrade",
  "http2-settings",
  "content-length",
  "transfer-encoding",
  "trailer",
]);

/** RFC 9110, section 5: nothing that could begin another field. */
function isField([name, value]: readonly [string, string]): boolean {
  return /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/.test(name) && value.length <= MAX_FIELD && /^[ -~]*$/.test(value);
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
  if (value.length > MAX_VALUE) throw unaskable(`a value in it is longer than ${MAX_VALUE} characters`);
  return encodeURIComponent(Buffer.from(value).toString()).replaceAll(/^\.{1,2}$/g, "example");
}

/** What the operation has to be sent, or nothing. @throws FleetsecError `input` where it cannot be made */
export function bodyOf(draft: Draft, reference: unknown): Target["body"] {
  const body = draft.resolve(reference);
  if (body === undefined || field(body, "required") !== true) return undefined;
  const contents = draft.members(field(body, "content"));
  const json = contents.find(([type]) => /^application\/([\w.-]+\+)?json$/.test(type));
  if (json !== undefined) {
    const [type, media] = json;
    return { type, bytes: Buffer.from(JSON.stringify(exampleOf(draft, media))) };
  }
  for (const [type, media] of contents) {
    // of nothing at all a text is made up too
    const isDescribed = ["example", "examples", "schema"].some((name) => field(media, name) !== undefined);
    const example = isDescribed ? exampleOf(draft, media) : undefined;
    if (typeof example === "string" && isField(["content-type", type])) {
      return { type, bytes: Buffer.from(example) };
    }
  }
  throw unaskable("it demands a body that is not JSON, without an example that is a text");
}
