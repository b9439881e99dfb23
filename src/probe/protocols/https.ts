import type { Answer } from "../answer.ts";
import { MAX_KEPT, type Trace } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import { hostPort, type Target } from "../target.ts";
import { type HttpResponse, parseResponse } from "./http1.ts";

/** The status decides; an endless body (server-sent events) is not waited for. */
const BODY_WAIT = 1000;

/** One GET over HTTP/1.1; redirects are answers, never followed. */
export function https(target: Target): Protocol {
  return {
    layer: "http",
    alpn: ["http/1.1"],
    maySayNothing: false,
    async converse(channel, wait) {
      channel.write(requestTo(target));
      const response = () => parseResponse(channel.received(), channel.over());
      await channel.until(() => response() !== undefined || channel.received().length >= MAX_KEPT, wait);
      await channel.until(
        () => response()?.complete !== false || channel.received().length >= MAX_KEPT,
        BODY_WAIT,
      );
    },
    answer({ received, end }: Trace) {
      const response = parseResponse(received, end === "closed" || end === "reset");
      return response && answerOf(response);
    },
  };
}

function requestTo(target: Target): Uint8Array {
  return Buffer.from(
    [
      `GET ${target.path} HTTP/1.1`,
      `Host: ${target.port === 443 ? hostPort(target).slice(0, -":443".length) : hostPort(target)}`,
      "User-Agent: fleetsec-probe",
      "Accept: */*",
      "Connection: close",
      "",
      "",
    ].join("\r\n"),
  );
}

/**
 * 495 and 496 are nginx's for a wrong and a missing certificate. A redirect's target counts as its
 * content: one leads to the page, another to the login.
 */
function answerOf({ status, fields, body }: HttpResponse): Answer {
  const location = fields.get("location");
  return {
    label: `HTTP ${status}`,
    meaning: meaningOf(status),
    content: location === undefined ? body : Buffer.concat([Buffer.from(`${location}\n`), body]),
  };
}

function meaningOf(status: number): Answer["meaning"] {
  if (status >= 200 && status < 300) return "granted";
  if (status === 401) return "challenged";
  if (status === 429 || status >= 500) return "overloaded";
  return [400, 403, 421, 495, 496].includes(status) ? "denied" : "other";
}
