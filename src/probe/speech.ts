import type { HttpRequest } from "./protocols/http.ts";
import type { Field } from "./protocols/http2/hpack.ts";

/** What a client says once it is connected, as plain data: the connection may be another thread's. */
export type Speech =
  | { readonly in: "http1" | "http1-connect" | "h2c-upgrade"; readonly request: HttpRequest }
  /** One after the other, on one connection; or all in one write. */
  | {
      readonly in: "http1-kept-alive";
      readonly requests: readonly HttpRequest[];
      readonly atOnce: boolean;
    }
  /** One request over HTTP/2. */
  | {
      readonly in: "http2";
      readonly fields: readonly Field[];
      readonly body: Uint8Array | undefined;
      /** The stream is not ended after the body. */
      readonly goesOn?: true;
    }
  | {
      readonly in: "http2-kept-alive";
      readonly requests: readonly Pick<Extract<Speech, { in: "http2" }>, "fields" | "body">[];
    }
  /** HTTP/2 where the server has chosen it by ALPN, HTTP/1.1 otherwise. */
  | { readonly in: "http-by-alpn"; readonly http1: Speech; readonly http2: Speech }
  /** Whatever the server has chosen by ALPN. */
  | { readonly in: "any-alpn"; readonly speech: Speech }
  /** One session with an MQTT broker. */
  | { readonly in: "mqtt"; readonly connect: Uint8Array; readonly isFive: boolean }
  /** With a service of which nothing is known. */
  | { readonly in: "raw" };
