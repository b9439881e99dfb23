import type { Answer } from "../answer.ts";
import { type Channel, MAX_KEPT, type Trace } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import type { Speech } from "../speech.ts";
import { bodyWait, httpAnswer, type HttpMessage, type HttpRequest } from "./http.ts";
import { beginsAsHttp1, parseResponse } from "./http1.ts";
import { readHttp1 } from "./https.ts";
import { requestFrames, settingsAck, STREAM } from "./http2/frames.ts";
import type { Field } from "./http2/hpack.ts";
import { type Http2Response, responseReader } from "./http2/response.ts";

/** By ALPN. */
export const H2 = "h2";

/** One request over HTTP/2, which the server must have chosen by ALPN. */
export function h2(request: HttpRequest): Protocol {
  return {
    layer: "http",
    alpn: [H2],
    maySayNothing: false,
    http: { request, ask: h2 },
    isPreamble: saysNothingYet,
    speech: { in: "http2", fields: fieldsOf(request), body: request.body },
    answer: (trace) => http2Answer(trace, httpAnswer),
  };
}

export function fieldsOf({ method, authority, path, fields }: HttpRequest): Field[] {
  return [[":method", method], [":scheme", "https"], [":authority", authority], [":path", path], ...fields];
}

/** Asks, and reads until the response is whole or takes too long. */
export async function converseHttp2(
  { fields, body, goesOn }: Extract<Speech, { in: "http2" }>,
  channel: Channel,
  wait: number,
): Promise<void> {
  if (channel.alpn !== undefined && channel.alpn !== H2) return;
  channel.write(requestFrames(fields, body, goesOn));
  const response = await readHttp2(channel, wait, 0);
  if (isOlder(response) && beginsAsHttp1(channel.received())) await readHttp1(channel, wait);
}

/**
 * Reads a response until it is whole or takes too long.
 * @param from where HTTP/2 begins in what is received
 * @param known of the peer's settings, how many were acknowledged before
 */
export async function readHttp2(
  channel: Channel,
  wait: number,
  from: number,
  stream = STREAM,
  known = 0,
): Promise<Http2Response> {
  const reading = responseReader(stream);
  const { response } = reading;
  let read = from;
  let acknowledged = known;
  const progress = (decisive: (response: Http2Response) => boolean) => () => {
    const received = channel.received();
    reading.push(received.subarray(read));
    read = received.length;
    for (; acknowledged < response.settings; acknowledged += 1) channel.write(settingsAck());
    return decisive(response) || response.malformed || response.complete || read >= MAX_KEPT;
  };
  await channel.until(
    progress(({ status }) => status !== undefined),
    wait,
  );
  await channel.until(
    progress(() => false),
    bodyWait(response.status, channel),
  );
  return response;
}

/**
 * What an HTTP/2 connection said. A server that does not speak HTTP/2, without TLS or ALPN above all, may say so in HTTP/1.
 * @param read makes an answer of a response that has begun, or undefined where it means nothing yet
 */
export function http2Answer(
  { received, alpn, end }: Pick<Trace, "received" | "alpn" | "end">,
  read: (message: HttpMessage) => Answer | undefined,
  stream = STREAM,
): Answer | undefined {
  if (alpn !== undefined && alpn !== H2) {
    const label = `HTTP/2 was not chosen by ALPN (${alpn === false ? "nothing was" : alpn})`;
    return { label, meaning: "overloaded", content: new Uint8Array() };
  }
  const { response } = readAll(received, stream);
  const { status, ended } = response;
  if (isOlder(response)) {
    const older = parseResponse(received, end === "closed" || end === "reset");
    return older && read(older);
  }
  const answer = status === undefined ? undefined : read({ ...response, status });
  if (answer !== undefined || ended === undefined) return answer;
  return { label: ended.how, meaning: meaningOfError(ended.code), content: new Uint8Array() };
}

/** What came first is no HTTP/2. */
function isOlder({ malformed, status }: Http2Response): boolean {
  return malformed && status === undefined;
}

const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;
const INTERNAL_ERROR = 2;
const CANCEL = 8;
const INADEQUATE_SECURITY = 12;
const HTTP_1_1_REQUIRED = 13;

/**
 * RFC 9113, section 7. An end in place of an answer is a refusal, as a close is, unless it speaks of
 * overload or of a fault of ours. A server that wants a certificate by renegotiation says HTTP_1_1_REQUIRED, and
 * nginx that is to close without a word (444) PROTOCOL_ERROR. INTERNAL_ERROR is what becomes of a mere close:
 * of a session that is destroyed in Node, or of a handler of Go's that panics.
 */
function meaningOfError(code: number): Answer["meaning"] {
  if (code === INTERNAL_ERROR) return "ended";
  return [NO_ERROR, PROTOCOL_ERROR, CANCEL, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED].includes(code)
    ? "denied"
    : "overloaded";
}

/** Whether a server's bytes are only what it sends to begin with, or to take its leave. */
export function saysNothingYet(received: Uint8Array): boolean {
  const { response, pending } = readAll(received);
  return (
    !response.malformed && pending === 0 && response.status === undefined && response.ended === undefined
  );
}

function readAll(received: Uint8Array, stream = STREAM) {
  const reading = responseReader(stream);
  reading.push(received);
  return reading;
}
