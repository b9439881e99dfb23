import type { Network } from "../platform/network.ts";
import type { Clock } from "../platform/platform.ts";
import type { Channel, Conversation, Deadlines, Dial, End, TlsDial, Trace } from "./exchange.ts";
import type { Pace } from "./limit.ts";
import { observe } from "./observe.ts";
import { isAgreed, MAX_OPENING, type Opening } from "./opening.ts";
import { plainSession, type Session } from "./session.ts";
import { tap, type Tap } from "./tap.ts";
import { prepareTls, tlsSession } from "./tls-session.ts";
import { type Watch, watch } from "./watch.ts";
import { wireSettings } from "./wire/dial.ts";
import { wireSession } from "./wire/session.ts";

/** What a connection needs of the outside. */
export interface Outside {
  readonly network: Network;
  readonly clock: Clock;
  /** Cryptographically secure random bytes. */
  readonly random: (length: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** Waited for before each connection. */
  readonly pace?: Pace;
}

/**
 * TLS 1.3 lets a client speak before the server has looked at its certificate. Writes that cross
 * the server's alert turn it into a reset, so the client listens first: a few round trips, as the
 * TCP handshake measured them, within bounds. Milliseconds.
 */
const SETTLE = 50;
const MAX_SETTLE = 300;
/** A server that knows the words answers them; one that waits for more takes them for something else. */
const OPENING_WAIT = 1000;

/** Makes one connection and reports everything that it showed. Rejects only when interrupted. */
export async function exchange(
  dial: Dial,
  converse: Conversation,
  deadlines: Deadlines,
  outside: Outside,
): Promise<Trace> {
  const { network, clock, signal } = outside;
  // making it takes time that is not the server's
  if (dial.tls !== undefined) prepareTls(network, dial.tls);
  await outside.pace?.();
  const started = clock.monotonic();
  const events = watch(clock, signal);
  const socket = network.connect(dial.address, dial.port);
  const wire = tap(socket, events.changed);
  try {
    await events.until(() => wire.connected || wire.error !== undefined, deadlines.connect);
    const settle = Math.min(Math.max(SETTLE, 3 * (clock.monotonic() - started)), MAX_SETTLE);
    const before =
      wire.connected && dial.opening ? await opened(wire, dial.opening, events, deadlines) : undefined;
    const session = !wire.connected
      ? undefined
      : (before?.refused ?? sessionOf(outside, wire, dial, events.changed));
    let established = 0;
    let receivedUnasked: number | undefined;
    if (session !== undefined) {
      const atOnce = dial.tls?.atOnce === true;
      if (!atOnce) await events.until(() => session.ready || session.over, deadlines.handshake);
      established = clock.monotonic() - started;
      if (session.ready && settles(dial.tls)) await events.until(() => session.over, settle);
      if ((session.ready || atOnce) && before?.refused === undefined) {
        await converse(
          channelOf(session, events, deadlines, () => (receivedUnasked = session.received.length)),
        );
        if (deadlines.close !== undefined) await events.until(() => session.over, deadlines.close);
      }
    }
    const result = summary(wire, session);
    return {
      ...result,
      receivedUnasked: receivedUnasked ?? result.received.length,
      asked: receivedUnasked !== undefined,
      opened: before && before.refused === undefined,
      ms: { established, total: clock.monotonic() - started },
    };
  } finally {
    socket.destroy();
  }
}

function sessionOf(
  { network, random, clock }: Outside,
  wire: Tap,
  { tls }: Dial,
  changed: () => void,
): Session {
  if (tls === undefined) return plainSession(wire, changed);
  if (tls.wire === undefined) return tlsSession(network, wire, tls, changed);
  const { version, attempt, identity, session } = tls.wire;
  const own = { random, now: () => clock.monotonic() };
  const settings = wireSettings({ ...tls, version }, attempt, identity, own, session);
  return wireSession(wire, settings, changed);
}

/** Asks to go on with TLS. @returns the session without TLS where the server did not agree */
async function opened(
  wire: Tap,
  opening: Opening,
  events: Watch,
  deadlines: Deadlines,
): Promise<{ readonly refused: Session | undefined }> {
  const plain = plainSession(wire, events.changed);
  plain.write(opening.request);
  const agreed = () => isAgreed(opening, plain.received);
  const enough = () => plain.received.length >= MAX_OPENING;
  await events.until(() => agreed() || enough() || plain.over, Math.min(OPENING_WAIT, deadlines.handshake));
  if (!agreed() || plain.over) return { refused: plain };
  wire.restart();
  return { refused: undefined };
}

/** TLS 1.2 has judged the client by then, unless that broke the handshake; 0-RTT data waits for nothing. */
function settles(tls: TlsDial | undefined): boolean {
  if (tls?.wire === undefined) return tls?.version === "1.3" || tls?.bothVersions === true;
  return tls.wire.attempt.script.earlyData !== true;
}

function channelOf(
  session: Session,
  events: Watch,
  { denial: denialWait }: Deadlines,
  beforeWrite: () => void,
): Channel {
  let wrote = false;
  return {
    get alpn() {
      return session.alpn;
    },
    received: () => session.received,
    sayNoMore: session.sayNoMore,
    denialWait,
    over: () => session.over,
    until: (condition, ms) => events.until(() => session.over || condition(), ms),
    write(bytes) {
      if (session.over) return;
      if (!wrote) beforeWrite();
      wrote = true;
      session.write(bytes);
    },
  };
}

function summary(
  wire: Tap,
  session: Session | undefined,
): Omit<Trace, "receivedUnasked" | "asked" | "opened" | "ms"> {
  return {
    end: endOf(wire, session),
    established: session?.ready ?? false,
    error: wire.error ?? (wire.connected ? undefined : "timeout"),
    localFault: session?.localFault,
    untrusted: session?.untrusted,
    seen: observe(wire.transcript, session?.secrets),
    alpn: session?.alpn,
    flight: session?.flight,
    sessions: session?.sessions ?? [],
    received: session?.received ?? new Uint8Array(),
  };
}

function endOf(wire: Tap, session: Session | undefined): End {
  if (session === undefined) return "unconnected";
  if (wire.flooded) return "flooded";
  if (wire.ended) return "closed";
  if (wire.error !== undefined) return "reset";
  return session.over ? "closed" : "open";
}
