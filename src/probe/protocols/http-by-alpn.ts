import type { Protocol } from "../protocol.ts";
import { h2, H2 } from "./h2.ts";
import type { HttpRequest } from "./http.ts";
import { isInterim } from "./http1.ts";
import { https } from "./https.ts";

/** How a request is sent over HTTP/1.1, and over HTTP/2. */
export type BothVersions = readonly [
  older: (request: HttpRequest) => Protocol,
  newer: (request: HttpRequest) => Protocol,
];

/** One request in the version of HTTP that the server chooses of what is offered: HTTP/1.1 where it chooses none. */
export function httpByAlpn(
  request: HttpRequest,
  alpn: readonly string[],
  versions: BothVersions = [https, h2],
): Protocol {
  const [older, newer] = [versions[0](request), versions[1](request)];
  return {
    ...newer,
    alpn,
    http: { request, ask: (other) => httpByAlpn(other, alpn, versions) },
    isPreamble: (received) => isInterim(received) || newer.isPreamble?.(received) === true,
    speech: { in: "http-by-alpn", http1: older.speech, http2: newer.speech },
    answer: (trace) => (trace.alpn === H2 ? newer : older).answer(trace),
  };
}

/** The same without a word of ALPN: HTTP/2 is spoken from the start, as between those who know of each other. */
export function withoutAlpn(protocol: Protocol): Protocol {
  const { http } = protocol;
  return {
    ...protocol,
    alpn: [],
    ...(http && { http: { ...http, ask: (other) => withoutAlpn(http.ask(other)) } }),
    speech: { in: "any-alpn", speech: protocol.speech },
    answer: (trace) => protocol.answer({ ...trace, alpn: undefined }),
  };
}
