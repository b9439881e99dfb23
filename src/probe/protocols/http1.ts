import type { HttpMessage } from "./http.ts";

/** An HTTP/1.x response as far as it has come (RFC 9112). The body is without the chunked coding. */
export interface HttpResponse extends HttpMessage {
  /** Where it ends in the bytes; undefined where only the end of the connection ends it. */
  readonly end: number | undefined;
}

/** A longer head is none that we understand. */
const MAX_HEAD = 16_384;
const NONE: FieldSection = { fields: new Map(), values: [] };
/** Who sends more interim responses than this keeps us busy. */
const MAX_INTERIM = 16;

/**
 * Reads the final response to a request out of the bytes so far; interim ones (1xx) are skipped. After 101
 * comes another protocol (RFC 9110, section 15.2.2): what there is of that stands for the body.
 * @param ended no more bytes will come
 * @param toHead the request was a HEAD, whose response has no body
 * @returns undefined while the head is incomplete, and for what is not HTTP/1.x
 */
export function parseResponse(bytes: Uint8Array, ended: boolean, toHead = false): HttpResponse | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const head = headAt(text, endOfInterim(text));
  if (head === undefined || isInterimStatus(head.status)) return undefined;
  const { status, lines, end: at } = head;
  const { fields, values } = parseFields(lines);
  const {
    length,
    trailers = NONE,
    ...body
  } = toHead ? NO_BODY : parseBody(status, fields, text.subarray(at), ended);
  return {
    status,
    fields,
    trailers: trailers.fields,
    values: [...values, ...trailers.values],
    ...body,
    end: length === undefined ? undefined : at + length,
  };
}

/**
 * Whether that is nothing but interim responses: a library sends `100 Continue` by itself, before the service
 * has looked at the request, and the final response is still to come (RFC 9110, section 15.2).
 */
export function isInterim(bytes: Uint8Array): boolean {
  return endOfInterim(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)) === bytes.length;
}

/** Where the first response begins that is not interim. */
function endOfInterim(text: Buffer): number {
  let at = 0;
  for (let count = 0; count < MAX_INTERIM; count += 1) {
    const head = headAt(text, at);
    if (head === undefined || !isInterimStatus(head.status)) break;
    at = head.end;
  }
  return at;
}

function isInterimStatus(status: number): boolean {
  return status < 200 && status !== 101;
}

/** Whether it is HTTP/1.x, as far as it has come. */
export function beginsAsHttp1(bytes: Uint8Array): boolean {
  return "HTTP/1.".startsWith(Buffer.from(bytes.subarray(0, "HTTP/1.".length)).toString("latin1"));
}

/** The status line and fields that begin there, where they are whole, and where they end. */
function headAt(
  text: Buffer,
  at: number,
): { readonly status: number; readonly lines: readonly string[]; readonly end: number } | undefined {
  const end = endOfLines(text, at);
  if (end === undefined) return undefined;
  const [statusLine = "", ...lines] = linesIn(text, at, end);
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(statusLine)?.[1];
  return status === undefined ? undefined : { status: Number(status), lines, end };
}

/**
 * Behind the empty line that ends what begins there. A line may end without CR: most clients take that
 * (RFC 9112, section 2.2).
 */
export function endOfLines(text: Buffer, at: number): number | undefined {
  const latest = text.subarray(0, at + MAX_HEAD + EMPTY_LINE);
  const ends = ["\n\r\n", "\n\n"].flatMap((mark) => {
    const found = latest.indexOf(mark, at, "latin1");
    return found < 0 ? [] : [found + mark.length];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

const EMPTY_LINE = 4;

function linesIn(text: Buffer, from: number, to: number): string[] {
  return text.toString("latin1", from, to).trimEnd().split(/\r?\n/);
}

function parseFields(lines: readonly string[]): FieldSection {
  return fieldSection(
    lines.flatMap((line) => {
      const colon = line.indexOf(":");
      return colon > 0 ? [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const] : [];
    }),
  );
}

/** A header or trailer section. */
export interface FieldSection {
  /** Of a name that is repeated the last line counts, but for those that `JOINED` names. */
  readonly fields: ReadonlyMap<string, string>;
  /** Of each line. */
  readonly values: readonly string[];
}

/** A list of codings, and the one that cannot be joined as a list (RFC 9110, section 5.3). */
const JOINED = new Map([
  ["content-encoding", ", "],
  ["set-cookie", "\n"],
]);

export function fieldSection(lines: readonly (readonly [name: string, value: string])[]): FieldSection {
  const fields = new Map<string, string>();
  for (const [name, value] of lines) {
    const [before, joint] = [fields.get(name), JOINED.get(name)];
    fields.set(name, before === undefined || joint === undefined ? value : `${before}${joint}${value}`);
  }
  return { fields, values: lines.map(([, value]) => value) };
}

interface Body {
  readonly body: Uint8Array;
  readonly trailers?: FieldSection;
  readonly complete: boolean;
  /** As it is coded, where its end has come. */
  readonly length?: number;
}

const NO_BODY: Body = { body: new Uint8Array(), complete: true, length: 0 };

/** RFC 9112, section 6.3. */
function parseBody(status: number, fields: ReadonlyMap<string, string>, rest: Buffer, ended: boolean): Body {
  if (status === 204 || status === 304) return NO_BODY;
  if (status === 101) return { body: rest, complete: true };
  if (/(^|,)\s*chunked$/i.test(fields.get("transfer-encoding") ?? "")) return parseChunks(rest, ended);
  const length = /^\d{1,9}$/.exec(fields.get("content-length") ?? "")?.[0];
  if (length === undefined) return { body: rest, complete: ended };
  const whole = rest.length >= Number(length);
  return {
    body: rest.subarray(0, Number(length)),
    complete: ended || whole,
    ...(whole ? { length: Number(length) } : {}),
  };
}

/** RFC 9112, section 7.1. What is not in its form ends the body. */
function parseChunks(rest: Buffer, ended: boolean): Body {
  const chunks: Uint8Array[] = [];
  for (let at = 0; ;) {
    const end = rest.indexOf("\n", at);
    const size =
      end < 0 ? undefined : /^([0-9a-f]{1,7})\s*(;|$)/i.exec(rest.toString("latin1", at, end))?.[1];
    const length = Number.parseInt(size ?? "", 16);
    const malformed = end >= 0 && size === undefined;
    if (length === 0) return { body: Buffer.concat(chunks), complete: ended, ...trailersAt(rest, end) };
    if (malformed) return { body: Buffer.concat(chunks), complete: true };
    if (size === undefined) return { body: Buffer.concat(chunks), complete: ended };
    const from = end + 1;
    chunks.push(rest.subarray(from, from + length));
    at = from + length + (rest[from + length] === CR ? 2 : 1);
    if (at > rest.length) return { body: Buffer.concat(chunks), complete: ended };
  }
}

const CR = 0x0d;

/** @param from where the line of the last chunk ends; an empty line ends what stands behind it */
function trailersAt(rest: Buffer, from: number): Partial<Body> {
  const end = endOfLines(rest, from);
  if (end === undefined) return {};
  return { trailers: parseFields(linesIn(rest, from + 1, end)), complete: true, length: end };
}
