import { type Channel, MAX_KEPT } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import { callFields, grpcAnswer, grpcCall } from "./grpcs.ts";
import { fieldsOf, h2, H2, http2Answer, readHttp2 } from "./h2.ts";
import { cookiesIn, httpAnswer, type HttpRequest } from "./http.ts";
import { OPENING, requestOn, STREAM } from "./http2/frames.ts";
import type { Field } from "./http2/hpack.ts";
import { bestOf, NOT_KEPT, sequenceTo } from "./kept-alive.ts";

/** The same over HTTP/2: one request after the other, each on a stream of its own. */
export function keptAliveHttp2(request: HttpRequest): Protocol {
  return {
    ...inTurn(sequenceTo(request), fieldsOf, httpAnswer, h2(request)),
    http: { request, ask: keptAliveHttp2 },
  };
}

/** A call of gRPC and the same again, as a service may have no other that anybody may make. */
export function keptAliveGrpc(request: HttpRequest): Protocol {
  return {
    ...inTurn([request, request], callFields, grpcAnswer, grpcCall(request)),
    http: { request, ask: keptAliveGrpc },
  };
}

function inTurn(
  requests: readonly HttpRequest[],
  fieldsFor: (request: HttpRequest) => Field[],
  read: Parameters<typeof http2Answer>[1],
  once: Protocol,
): Protocol {
  return {
    ...once,
    speech: {
      in: "http2-kept-alive",
      requests: requests.map((one) => ({ fields: fieldsFor(one), body: one.body })),
    },
    answer(trace) {
      const [first, ...later] = requests.map((_, i) => http2Answer(trace, read, streamOf(i)));
      const over = trace.end === "closed" || trace.end === "reset";
      return bestOf(later) ?? (first !== undefined && over ? NOT_KEPT : undefined);
    },
  };
}

/** A client's streams have odd numbers (RFC 9113, section 5.1.1). */
const streamOf = (i: number) => STREAM + 2 * i;

export async function converseKeptAliveHttp2(
  requests: readonly { readonly fields: readonly Field[]; readonly body: Uint8Array | undefined }[],
  channel: Channel,
  wait: number,
): Promise<void> {
  if (channel.alpn !== undefined && channel.alpn !== H2) return;
  let settings = 0;
  const cookies: string[] = [];
  for (const [i, { fields, body }] of requests.entries()) {
    const isLast = i === requests.length - 1;
    const brought: Field[] = isLast && cookies.length > 0 ? [["cookie", cookies.join("; ")]] : [];
    const request = requestOn(streamOf(i), [...fields, ...brought], body);
    channel.write(i === 0 ? Buffer.concat([OPENING, request]) : request);
    const response = await readHttp2(channel, wait, 0, streamOf(i), settings);
    const isSilent = response.status === undefined && !response.complete;
    if (isSilent || response.malformed || channel.over() || channel.received().length >= MAX_KEPT) return;
    settings = response.settings;
    cookies.push(...cookiesIn(response.fields));
  }
}
