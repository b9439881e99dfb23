import type { Answer } from "../answer.ts";
import type { Protocol } from "../protocol.ts";
import type { Target } from "../target.ts";
import { http2Answer, saysNothingYet } from "./h2.ts";
import { httpAnswer, type HttpRequest, requestTo } from "./http.ts";
import type { Field } from "./http2/hpack.ts";
import type { Http2Response } from "./http2/response.ts";

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

/**
 * The status stands in the trailers, or in the header section of a response that is nothing else. One
 * that streams without end has no status: its first message says that the call was served.
 */
export function grpcAnswer(response: Http2Response): Answer | undefined {
  const { status, fields, trailers, body } = response;
  if (status === undefined) return undefined;
  const code = trailers.get("grpc-status") ?? fields.get("grpc-status");
  if (code === undefined) {
    const streams = status === 200 && isGrpc(fields) && body.length > 0;
    return streams
      ? { label: "gRPC message", meaning: "granted", content: body }
      : httpAnswer({ ...response, status });
  }
  const message = trailers.get("grpc-message") ?? fields.get("grpc-message") ?? "";
  const number = /^\d{1,2}$/.test(code) ? Number(code) : -1;
  return {
    label: `gRPC ${CODES[number] ?? "status that is none"}`,
    meaning: meaningOf(number),
    content: Buffer.concat([Buffer.from(`${message}\n`, "latin1"), body]),
  };
}

function isGrpc(fields: ReadonlyMap<string, string>): boolean {
  return (fields.get("content-type") ?? "").startsWith("application/grpc");
}

/** Status codes of gRPC, from 0. */
const CODES =
  `OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
  RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS
  UNAUTHENTICATED`.split(/\s+/);

function meaningOf(code: number): Answer["meaning"] {
  switch (CODES[code]) {
    case "OK":
      return "granted";
    case "PERMISSION_DENIED":
      return "denied";
    case "UNAUTHENTICATED":
      return "challenged";
    case "DEADLINE_EXCEEDED":
    case "RESOURCE_EXHAUSTED":
    case "INTERNAL":
    case "UNAVAILABLE":
      return "overloaded";
    default:
      return "other";
  }
}
