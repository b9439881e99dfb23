import type { Answer } from "../answer.ts";
import type { Trace } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import { tunnelRequest, TUNNEL } from "./connect.ts";
import { fieldsOf, h2, http2Answer } from "./h2.ts";
import { httpAnswer, type HttpMessage, type HttpRequest } from "./http.ts";
import { https, requestText } from "./https.ts";
import { webSocketFields } from "./websocket.ts";

/**
 * A tunnel over HTTP/2 to the target itself: a stream (RFC 9113, section 8.5). The request, in HTTP/1.1, follows
 * without waiting for consent.
 */
export function connectHttp2(request: HttpRequest): Protocol {
  const { method, path: target, fields } = tunnelRequest(request);
  return {
    ...h2(request),
    http: { request, ask: connectHttp2 },
    speech: {
      in: "http2",
      fields: [[":method", method], [":authority", target], ...fields],
      body: requestText(request),
      goesOn: true,
    },
    answer: (trace) => http2Answer(trace, (response) => answerThrough(request, response, trace)),
  };
}

/** A WebSocket on a stream of its own (RFC 8441): a server that knows no such CONNECT resets the stream, or denies it. */
export function webSocketHttp2(request: HttpRequest): Protocol {
  const [, ...others] = fieldsOf({ ...request, fields: webSocketFields(request) });
  return {
    ...h2(request),
    http: { request, ask: webSocketHttp2 },
    speech: {
      in: "http2",
      fields: [[":method", "CONNECT"], [":protocol", "websocket"], ...others],
      body: new Uint8Array(),
      goesOn: true,
    },
    answer: (trace) => http2Answer(trace, (response) => answerThrough(request, response, trace)),
  };
}

/** What came through the tunnel, the open tunnel itself, or a page in place of one. */
function answerThrough(request: HttpRequest, response: HttpMessage, trace: Trace): Answer | undefined {
  const { status, body, complete } = response;
  if (status < 200 || status >= 300) return httpAnswer(response);
  const inside = https(request).answer({ ...trace, received: body });
  if (inside !== undefined) return inside;
  return body.length === 0 && !complete && trace.end === "open" ? TUNNEL : httpAnswer(response);
}
