import type { Channel, Trace } from "./exchange.ts";
import { converseH2cUpgrade } from "./protocols/h2c-upgrade.ts";
import { converseHttp1 } from "./protocols/https.ts";
import { converseKeptAliveHttp2 } from "./protocols/kept-alive-h2.ts";
import { converseKeptAlive } from "./protocols/kept-alive.ts";
import { converseHttp2, H2 } from "./protocols/h2.ts";
import { converseMqtt } from "./protocols/mqtts.ts";
import { converseRaw } from "./protocols/tls.ts";
import type { Speech } from "./speech.ts";

/**
 * Does what a client does until its acceptance or refusal is decided.
 * @param wait milliseconds to wait for something decisive
 * @param like the control's trace, to behave in the same way; undefined while there is none
 */
export function converse(
  speech: Speech,
  channel: Channel,
  wait: number,
  like: Trace | undefined,
): Promise<void> {
  switch (speech.in) {
    case "http1":
      return converseHttp1(speech.request, channel, wait);
    case "http1-kept-alive":
      return converseKeptAlive(speech.requests, channel, wait);
    case "http2-kept-alive":
      return converseKeptAliveHttp2(speech.requests, channel, wait);
    case "http2":
      return converseHttp2(speech, channel, wait);
    case "h2c-upgrade":
      return converseH2cUpgrade(speech.request, channel, wait);
    case "http-by-alpn":
      return converse(channel.alpn === H2 ? speech.http2 : speech.http1, channel, wait, like);
    case "any-alpn":
      return converse(speech.speech, { ...channel, alpn: undefined }, wait, like);
    case "mqtt":
      return converseMqtt(channel, wait);
    case "raw":
      return converseRaw(channel, wait, like);
  }
}
