import type { Channel, Trace } from "./exchange.ts";
import { converseConnect } from "./protocols/connect.ts";
import { converseH2cUpgrade } from "./protocols/h2c-upgrade.ts";
import { converseHttp1 } from "./protocols/https.ts";
import { converseKeptAliveHttp2 } from "./protocols/kept-alive-h2.ts";
import { converseKeptAlive } from "./protocols/kept-alive.ts";
import { converseHttp2, H2 } from "./protocols/h2.ts";
import { converseMqtt } from "./protocols/mqtts.ts";
import { converseRaw } from "./protocols/tls.ts";
import type { Speech } from "./speech.ts";

/**
 * Does what a client does until its acceptance or refusal is decided. Without TLS, the end of what it says
 * tells a server that takes it for the beginning of a TLS record, and waits for more, from one that is silent.
 * @param wait milliseconds to wait for something decisive
 * @param like the control's trace, to behave in the same way; undefined while there is none
 */
export async function converse(
  speech: Speech,
  channel: Channel,
  wait: number,
  like: Trace | undefined,
): Promise<void> {
  await speak(speech, channel, wait, like);
  const isSilent = channel.received().length === 0 && !channel.over();
  // of a service of which nothing is known, silence may be all that there is to see
  if (!isSilent || channel.sayNoMore === undefined || speech.in === "raw") return;
  channel.sayNoMore();
  await channel.until(() => channel.received().length > 0, LAST_WAIT);
}

/** Milliseconds. */
const LAST_WAIT = 1000;

function speak(speech: Speech, channel: Channel, wait: number, like: Trace | undefined): Promise<void> {
  switch (speech.in) {
    case "http1":
      return converseHttp1(speech.request, channel, wait);
    case "http1-connect":
      return converseConnect(speech.request, channel, wait);
    case "http1-kept-alive":
      return converseKeptAlive(speech, channel, wait);
    case "http2-kept-alive":
      return converseKeptAliveHttp2(speech.requests, channel, wait);
    case "http2":
      return converseHttp2(speech, channel, wait);
    case "h2c-upgrade":
      return converseH2cUpgrade(speech.request, channel, wait);
    case "http-by-alpn":
      return speak(channel.alpn === H2 ? speech.http2 : speech.http1, channel, wait, like);
    case "any-alpn":
      return speak(speech.speech, { ...channel, alpn: undefined }, wait, like);
    case "mqtt":
      return converseMqtt(speech, channel, wait);
    case "raw":
      return converseRaw(channel, wait, like);
  }
}
