import type { Answer } from "../answer.ts";
import { type Channel, MAX_KEPT } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import { bodyWait, type HttpRequest } from "./http.ts";
import { endOfLines, parseResponse } from "./http1.ts";
import { https, requestText } from "./https.ts";

/** One request through a tunnel that is asked for by CONNECT, to the target itself (RFC 9110, section 9.3.6). */
export function connect(request: HttpRequest): Protocol {
  return {
    ...https(request),
    http: { request, ask: connect },
    speech: { in: "http1-connect", request },
    answer(trace) {
      const from = endOfConsent(trace.received);
      if (from === undefined) return https(request).answer(trace);
      const inside = https(request).answer({ ...trace, received: trace.received.subarray(from) });
      return inside ?? (trace.end === "open" ? TUNNEL : https(request).answer(trace));
    },
  };
}

/** Whatever it leads to. */
export const TUNNEL: Answer = { label: "a tunnel", meaning: "granted", content: new Uint8Array() };

/** Whether the server has opened a tunnel, and let nothing be seen of what it leads to. */
export function isTunnel(answer: Answer | undefined): boolean {
  return answer === TUNNEL;
}

/** Asks for a tunnel to the target; its `path` is host and port. */
export function tunnelRequest(request: HttpRequest): HttpRequest {
  const { authority } = request;
  return {
    ...request,
    method: "CONNECT",
    path: /:\d+$/.test(authority) ? authority : `${authority}:443`,
    fields: request.fields.filter(([name]) => name !== "content-type"),
    body: undefined,
  };
}

export async function converseConnect(request: HttpRequest, channel: Channel, wait: number): Promise<void> {
  const asked = tunnelRequest(request);
  channel.write(requestText({ ...asked, fields: [...asked.fields, ["connection", "keep-alive"]] }));
  const tooMuch = () => channel.received().length >= MAX_KEPT;
  const parsed = (from: number) => parseResponse(channel.received().subarray(from), channel.over());
  await channel.until(() => parsed(0) !== undefined || tooMuch(), wait);
  const from = endOfConsent(channel.received());
  if (from === undefined) {
    await channel.until(
      () => parsed(0)?.complete !== false || tooMuch(),
      bodyWait(parsed(0)?.status, channel),
    );
    return;
  }
  channel.write(requestText(request));
  await channel.until(() => parsed(from) !== undefined || tooMuch(), bodyWait(undefined, channel));
  await channel.until(
    () => parsed(from)?.complete !== false || tooMuch(),
    bodyWait(parsed(from)?.status, channel),
  );
}

/** Where the tunnel begins; undefined where there is none, and where the server took CONNECT for any method, and answers with a page. */
function endOfConsent(received: Uint8Array): number | undefined {
  const response = parseResponse(received, false);
  if (response === undefined || response.status < 200 || response.status >= 300) return undefined;
  const { fields } = response;
  if (fields.has("transfer-encoding") || Number(fields.get("content-length") ?? 0) > 0) return undefined;
  return endOfLines(Buffer.from(received.buffer, received.byteOffset, received.length), 0);
}
