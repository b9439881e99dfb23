import { type FlightFacts, MAX_KEPT, type Resumable } from "./exchange.ts";
import type { Tap } from "./tap.ts";
import { type KeyLog, keyLog } from "./wire/key-log.ts";

/** What runs over a TCP connection: TLS, or nothing. */
export interface Session {
  /** Established: the application may speak. */
  readonly ready: boolean;
  readonly over: boolean;
  /** The first `MAX_KEPT` application bytes. */
  readonly received: Uint8Array;
  readonly localFault: string | undefined;
  readonly untrusted: string | undefined;
  readonly secrets: KeyLog;
  /** What the server chose by ALPN; false where it chose nothing, undefined while TLS is not established. */
  readonly alpn: string | false | undefined;
  /** Of the raw client; undefined for others. */
  readonly flight?: FlightFacts;
  readonly sessions: readonly Resumable[];
  write(bytes: Uint8Array): void;
  /** Nothing more will be written. Only without TLS. */
  readonly sayNoMore?: () => void;
}

/** The parts of a session that both kinds keep in the same way. */
export function newSession() {
  return {
    ready: false,
    over: false,
    received: new Uint8Array(),
    localFault: undefined as string | undefined,
    untrusted: undefined as string | undefined,
    secrets: keyLog(),
    sessions: [] as Resumable[],
    alpn: undefined as string | false | undefined,
    keep(bytes: Uint8Array) {
      const have = this.received.length;
      const bytesKept = bytes.subarray(0, MAX_KEPT - have);
      // room grows in doubles: a server that sends single bytes must not make us copy each time
      let room = new Uint8Array(this.received.buffer);
      if (have + bytesKept.length > room.length) {
        const larger = new Uint8Array(Math.min(MAX_KEPT, 2 * (have + bytesKept.length)));
        larger.set(this.received);
        room = larger;
      }
      room.set(bytesKept, have);
      this.received = room.subarray(0, have + bytesKept.length);
    },
  };
}

/** No TLS: what arrives is the application's. */
export function plainSession(wire: Tap, changed: () => void): Session {
  const session = newSession();
  session.ready = true;
  wire.stream.on("data", (bytes: Uint8Array) => {
    session.keep(bytes);
    changed();
  });
  wire.stream.on("end", () => {
    session.over = true;
    changed();
  });
  return Object.assign(session, {
    write: (bytes: Uint8Array) => void wire.stream.write(bytes),
    sayNoMore: () => void wire.stream.end(),
  });
}
