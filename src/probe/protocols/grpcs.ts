import type { Answer } from "../answer.ts";
import type { Protocol } from "../protocol.ts";
import type { Target } from "../target.ts";
import { http2Answer, saysNothingYet } from "./h2.ts";
import { isGrpc, statusAnswer } from "./grpc-status.ts";
import { httpAnswer, type HttpMessage, type HttpRequest, requestTo } from "./http.ts";
import type { Field } from "./http2/hpack.ts";
import { http1Answer, https } from "./https.ts";

/** A message of no bytes, uncompressed: what every method can be called with. */
const EMPTY_MESSAGE = new Uint8Array(5);

/** One call of a gRPC method with an empty message (gRPC over HTTP/2, protocol document of gRPC). */
export function grpcs(target: Target): Protocol {
  return grpcCall({ ...requestTo(target), method: "POST", body: EMPTY_MESSAGE });
}

/** @param request with the method, content and path of a call */
export function grpcCall(request: HttpRequest): Protocol {
  return {
    layer: "http",
    alpn: ["h2"],
    maySayNothing: false,
    http: { request, ask: grpcCall },
    isPreamble: saysNothingYet,
    speech: { in: "http2", fields: callFields(request), body: request.body },
    answer: (trace) => http2Answer(trace, grpcAnswer),
  };
}

export function callFields({ method, authority, path, fields }: HttpRequest): Field[] {
  return [
    [":method", method],
    [":scheme", "https"],
    [":authority", authority],
    [":path", path],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...fields.filter(([name]) => name !== "accept"),
  ];
}

/** The same over HTTP/1.1: some frameworks hand a call to their handlers whatever the version is. */
export function grpcCallHttp1(request: HttpRequest): Protocol {
  const fields = callFields(request).filter(([name]) => !name.startsWith(":"));
  // a hop's own, it is named as such (RFC 9110, section 10.1.4)
  const call = https({ ...request, fields: [...fields, ["connection", "close, te"]] });
  return {
    ...call,
    http: { request, ask: grpcCallHttp1 },
    answer: (trace) => http1Answer(trace, grpcAnswer),
  };
}

/** One that streams without end has no status: its first message says that the call was served. */
export function grpcAnswer(message: HttpMessage): Answer {
  const { status, fields, body } = message;
  const streams = status === 200 && isGrpc(fields) && body.length > 0;
  return (
    statusAnswer(message) ??
    (streams ? { label: "gRPC message", meaning: "granted", content: body } : httpAnswer(message))
  );
}
