import type { Answer } from "../answer.ts";
import type { HttpMessage } from "./http.ts";

/**
 * What a gRPC status says. It stands in the trailers, or in the header section of a response that is nothing else,
 * whatever the version of HTTP: a server may meet a client without ALPN over HTTP/1.1.
 * @returns undefined where there is none
 */
export function statusAnswer({
  fields,
  trailers,
  values,
  body,
}: Pick<HttpMessage, "fields" | "trailers" | "values" | "body">): Answer | undefined {
  const code = trailers.get("grpc-status") ?? fields.get("grpc-status");
  if (code === undefined) return undefined;
  const message = trailers.get("grpc-message") ?? fields.get("grpc-message") ?? "";
  const number = /^\d{1,2}$/.test(code) ? Number(code) : -1;
  return {
    label: `gRPC ${CODES[number] ?? "status that is none"}`,
    meaning: meaningOf(number),
    content: Buffer.concat([Buffer.from(`${message}\n`, "latin1"), body]),
    aside: values,
  };
}

export function isGrpc(fields: ReadonlyMap<string, string>): boolean {
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
