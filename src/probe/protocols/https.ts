import type { Answer } from "../answer.ts";
import { type Channel, MAX_KEPT, type Trace } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import { bodyWait, httpAnswer, type HttpMessage, type HttpRequest } from "./http.ts";
import { type HttpResponse, isInterim, parseResponse } from "./http1.ts";

/** One request over HTTP/1.1; redirects are answers, never followed. */
export function https(request: HttpRequest): Protocol {
  return {
    layer: "http",
    alpn: ["http/1.1"],
    maySayNothing: false,
    isPreamble: isInterim,
    http: { request, ask: https },
    speech: { in: "http1", request },
    answer: (trace) => http1Answer(trace, httpAnswer, request.method === "HEAD"),
  };
}

/** @param read makes an answer of a response that has begun */
export function http1Answer(
  { received, end }: Pick<Trace, "received" | "end">,
  read: (message: HttpMessage) => Answer,
  toHead = false,
): Answer | undefined {
  const response = parseResponse(received, end === "closed" || end === "reset", toHead);
  return response && read(response);
}

export async function converseHttp1(request: HttpRequest, channel: Channel, wait: number): Promise<void> {
  channel.write(requestText(request));
  await readHttp1(channel, wait, request.method === "HEAD");
}

/** Reads a response until it is whole or takes too long. */
export async function readHttp1(channel: Channel, wait: number, toHead = false): Promise<void> {
  await readResponse(channel, wait, () => parseResponse(channel.received(), channel.over(), toHead));
}

/** The same of one among others on its connection, as far as it has come. */
export async function readResponse(
  channel: Channel,
  wait: number,
  response: () => HttpResponse | undefined,
): Promise<void> {
  const tooMuch = () => channel.received().length >= MAX_KEPT;
  await channel.until(() => response() !== undefined || tooMuch(), wait);
  await channel.until(
    () => response()?.complete !== false || tooMuch(),
    bodyWait(response()?.status, channel),
  );
}

export function requestText(request: HttpRequest): Uint8Array {
  const { method, authority, path, fields, body, version, withoutHost } = request;
  const host = withoutHost === true ? [] : [["host", authority] as const];
  const length = body === undefined ? [] : [["content-length", `${body.length}`] as const];
  // an upgrade needs the connection for itself
  const connection = fields.some(([name]) => name === "connection") ? [] : [["connection", "close"] as const];
  const lines = [...host, ...fields, ...length, ...connection].map(([name, value]) => `${name}: ${value}`);
  const head = [`${method} ${path} HTTP/${version ?? "1.1"}`, ...lines, "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head, "latin1"), body ?? new Uint8Array()]);
}
