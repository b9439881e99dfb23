/** An HTTP/1.x response as far as it has come (RFC 9112). */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; of a repeated field the last. */
  readonly fields: ReadonlyMap<string, string>;
  /** Without the chunked coding. */
  readonly body: Uint8Array;
  readonly complete: boolean;
  /** Where it ends in the bytes; undefined where only the end of the connection ends it. */
  readonly end: number | undefined;
}

/** A longer head is none that we understand. */
const MAX_HEAD = 16_384;
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
  const fields = parseFields(lines);
  const { length, ...body } = toHead ? NO_BODY : parseBody(status, fields, text.subarray(at), ended);
  return { status, fields, ...body, end: length === undefined ? undefined : at + length };
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

/** The status line and fields that begin there, where they are whole, and where they end. */
function headAt(
  text: Buffer,
  at: number,
): { readonly status: number; readonly lines: readonly string[]; readonly end: number } | undefined {
  const end = text.indexOf("\r\n\r\n", at);
  if (end < 0 || end - at > MAX_HEAD) return undefined;
  const [statusLine = "", ...lines] = text.toString("latin1", at, end).split("\r\n");
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(statusLine)?.[1];
  return status === undefined ? undefined : { status: Number(status), lines, end: end + 4 };
}

function parseFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return fields;
}

interface Body {
  readonly body: Uint8Array;
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
    const end = rest.indexOf("\r\n", at);
    const size =
      end < 0 ? undefined : /^([0-9a-f]{1,7})\s*(;|$)/i.exec(rest.toString("latin1", at, end))?.[1];
    const length = Number.parseInt(size ?? "", 16);
    const malformed = end >= 0 && size === undefined;
    if (length === 0) return { body: Buffer.concat(chunks), complete: true, ...endOfTrailers(rest, end) };
    if (malformed) return { body: Buffer.concat(chunks), complete: true };
    if (size === undefined) return { body: Buffer.concat(chunks), complete: ended };
    chunks.push(rest.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
    if (at > rest.length) return { body: Buffer.concat(chunks), complete: ended };
  }
}

/** @param from where the line of the last chunk ends; an empty line ends what stands behind it */
function endOfTrailers(rest: Buffer, from: number): Pick<Body, "length"> {
  const end = rest.indexOf("\r\n\r\n", from);
  return end < 0 ? {} : { length: end + 4 };
}
