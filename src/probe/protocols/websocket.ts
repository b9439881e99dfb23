import type { Protocol } from "../protocol.ts";
import type { HttpRequest } from "./http.ts";
import { https } from "./https.ts";

/** The nonce of the RFC's own example: whether the server can answer it is of no interest here. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

/** One request over HTTP/1.1 that asks to go on as a WebSocket (RFC 6455, section 4.1): 101 grants it. */
export function webSocket(request: HttpRequest): Protocol {
  return https({
    ...request,
    method: "GET",
    body: undefined,
    fields: [
      ...webSocketFields(request),
      ["connection", "Upgrade"],
      ["upgrade", "websocket"],
      ["sec-websocket-key", KEY],
    ],
  });
}

/** Of every version of HTTP. */
export function webSocketFields({ authority, fields }: HttpRequest): HttpRequest["fields"] {
  return [
    ...fields.filter(([name]) => name !== "content-type"),
    ["sec-websocket-version", "13"],
    ["origin", `https://${authority}`],
  ];
}
