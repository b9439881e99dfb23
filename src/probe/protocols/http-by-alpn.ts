import type { Protocol } from "../protocol.ts";
import { h2, H2 } from "./h2.ts";
import type { HttpRequest } from "./http.ts";
import { isInterim } from "./http1.ts";
import { https } from "./https.ts";

/** One request in the version of HTTP that the server chooses of what is offered: HTTP/1.1 where it chooses none. */
export function httpByAlpn(request: HttpRequest, alpn: readonly string[]): Protocol {
  const [older, newer] = [https(request), h2(request)];
  return {
    ...newer,
    alpn,
    isPreamble: (received) => isInterim(received) || newer.isPreamble?.(received) === true,
    speech: { in: "http-by-alpn", http1: older.speech, http2: newer.speech },
    answer: (trace) => (trace.alpn === H2 ? newer : older).answer(trace),
  };
}

/** The same without a word of ALPN: HTTP/2 is spoken from the start, as between those who know of each other. */
export function withoutAlpn(protocol: Protocol): Protocol {
  return {
    ...protocol,
    alpn: [],
    speech: { in: "any-alpn", speech: protocol.speech },
    answer: (trace) => protocol.answer({ ...trace, alpn: undefined }),
  };
}
