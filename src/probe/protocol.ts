import type { Answer } from "./answer.ts";
import type { Trace } from "./exchange.ts";
import type { HttpRequest } from "./protocols/http.ts";
import type { Speech } from "./speech.ts";

/** How an application protocol is spoken, and what its answers mean. */
export interface Protocol {
  /** Where a refusal in its own terms takes place. */
  readonly layer: "http" | "app";
  /** Offered in the TLS handshake; empty for none. */
  readonly alpn: readonly string[];
  /** Whether saying nothing at all can be what an accepted client meets. */
  readonly maySayNothing: boolean;
  /** Of the protocols that carry HTTP requests: the one that is asked with, and how to ask with another. */
  readonly http?: { readonly request: HttpRequest; readonly ask: (request: HttpRequest) => Protocol };
  /** Whether bytes are no more than what the server sends to everybody before it answers. */
  readonly isPreamble?: (received: Uint8Array) => boolean;
  readonly speech: Speech;
  /** What the service said, or undefined where it said nothing that can be understood. */
  answer(trace: Trace): Answer | undefined;
}
