import { newSession, type Session } from "../session.ts";
import type { Tap } from "../tap.ts";
import { wireClient, type WireClient } from "./client.ts";
import type { Settings } from "./settings.ts";

/** A session of the raw client, with what only it can tell. */
export interface WireSession extends Session {
  readonly client: WireClient;
}

/** TLS by our own client over a tapped connection. Deadlines are the caller's, as for other sessions. */
export function wireSession(wire: Tap, settings: Settings, changed: () => void): WireSession {
  const session = newSession();
  const client = wireClient(settings, {
    send: (bytes) => void wire.stream.write(bytes),
    deliver: (bytes) => session.keep(bytes),
  });
  let ended = false;
  wire.stream.on("data", (bytes: Uint8Array) => {
    client.receive(bytes);
    changed();
  });
  wire.stream.on("end", () => {
    ended = true;
    changed();
  });
  client.start();
  return {
    client,
    get ready() {
      return client.ready;
    },
    get over() {
      return ended || client.over;
    },
    get received() {
      return session.received;
    },
    get localFault() {
      return client.fault;
    },
    // the caller's own trust decision is in the settings
    untrusted: undefined,
    secrets: client.secrets,
    get alpn() {
      return client.ready ? (client.protocol ?? false) : undefined;
    },
    get flight() {
      const { flightSent: sent, answeredLater, earlyDataTaken } = client;
      return { sent, answeredLater, earlyDataTaken };
    },
    sessions: client.sessions,
    write: (bytes) => client.write(bytes),
  };
}
