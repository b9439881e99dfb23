import type { Protocol } from "../protocol.ts";
import { h2 } from "./h2.ts";
import type { HttpRequest } from "./http.ts";
import { https } from "./https.ts";

/** One request in the version of HTTP that the server chooses of what is offered: HTTP/1.1 where it chooses none. */
export function httpByAlpn(request: HttpRequest, alpn: readonly string[]): Protocol {
  const spoken = (chosen: string | false | undefined) => (chosen === "h2" ? h2(request) : https(request));
  return {
    ...h2(request),
    alpn,
    converse: (channel, wait, like) => spoken(channel.alpn).converse(channel, wait, like),
    answer: (trace) => spoken(trace.alpn).answer(trace),
  };
}

/** The same without a word of ALPN: HTTP/2 is spoken from the start, as between those who know of each other. */
export function withoutAlpn(protocol: Protocol): Protocol {
  return {
    ...protocol,
    alpn: [],
    converse: (channel, wait, like) => protocol.converse({ ...channel, alpn: undefined }, wait, like),
    answer: (trace) => protocol.answer({ ...trace, alpn: undefined }),
  };
}
