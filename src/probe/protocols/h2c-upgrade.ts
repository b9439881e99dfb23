import type { Answer } from "../answer.ts";
import { type Channel, MAX_KEPT } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import { http2Answer, readHttp2 } from "./h2.ts";
import { httpAnswer, type HttpRequest } from "./http.ts";
import { endOfLines, parseResponse } from "./http1.ts";
import { OPENING, SETTINGS_PAYLOAD } from "./http2/frames.ts";
import { https, requestText } from "./https.ts";

/** One request over HTTP/1.1 that asks to go on in HTTP/2 without TLS (RFC 7540, section 3.2). */
export function h2cUpgrade(request: HttpRequest): Protocol {
  return {
    ...https(request),
    http: { request, ask: h2cUpgrade },
    speech: { in: "h2c-upgrade", request },
    answer(trace) {
      const from = endOfUpgrade(trace.received);
      if (from === undefined) return https(request).answer(trace);
      const received = trace.received.subarray(from);
      return http2Answer({ ...trace, alpn: undefined, received }, httpAnswer) ?? SWITCHED_IN_VAIN;
    },
  };
}

/** It may have taken the connection for something else: what a valid client gets in this way will tell. */
const SWITCHED_IN_VAIN: Answer = {
  label: "HTTP 101 and no HTTP/2",
  meaning: "overloaded",
  content: new Uint8Array(),
};

export async function converseH2cUpgrade(
  request: HttpRequest,
  channel: Channel,
  wait: number,
): Promise<void> {
  const upgrading = [
    ["connection", "Upgrade, HTTP2-Settings"],
    ["upgrade", "h2c"],
    ["http2-settings", Buffer.from(SETTINGS_PAYLOAD).toString("base64url")],
  ] as const;
  channel.write(requestText({ ...request, fields: [...request.fields, ...upgrading] }));
  const answered = () => parseResponse(channel.received(), channel.over())?.complete;
  const upgraded = () => endOfUpgrade(channel.received());
  await channel.until(
    () => upgraded() !== undefined || answered() === true || channel.received().length >= MAX_KEPT,
    wait,
  );
  const from = upgraded();
  if (from === undefined) return;
  channel.write(OPENING);
  await readHttp2(channel, wait, from);
}

/** Where HTTP/2 begins; undefined where the server has not switched to it. */
function endOfUpgrade(received: Uint8Array): number | undefined {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.length);
  return bytes.toString("latin1", 0, 12) === "HTTP/1.1 101" ? endOfLines(bytes, 0) : undefined;
}
