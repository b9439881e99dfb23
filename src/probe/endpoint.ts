import type { HelloChanges, WireClientOf } from "./attack.ts";
import type { Outside } from "./client.ts";
import {
  type Connect,
  type Dial,
  MAX_KEPT,
  type Resumable,
  type TlsDial,
  type Trace,
  type WireDial,
} from "./exchange.ts";
import { isGarbled, serverAlert } from "./evidence.ts";
import type { Identity } from "./identities/identity.ts";
import type { Limit } from "./limit.ts";
import type { Opening } from "./opening.ts";
import type { Protocol } from "./protocol.ts";
import { BODY_WAIT, DENIAL_WAIT } from "./protocols/http.ts";
import type { Target } from "./target.ts";
import type { Encounter } from "./verdict/judgement.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** A target at one of its addresses, and how to talk to it. */
export interface Endpoint {
  readonly target: Target;
  readonly address: string;
  readonly protocol: Protocol;
  /** Trusted for the server, PEM. */
  readonly serverCa: readonly string[];
  readonly canary: string | undefined;
  /** The user's bound for each step in milliseconds. */
  readonly timeout: number | undefined;
}

/** Who connects, and how. */
export interface Client {
  /** Null: without TLS. */
  readonly version: TlsVersion | null;
  readonly identity: Identity | undefined;
  /** Whether the server's certificate is judged. */
  readonly control: boolean;
  /** By the raw client; by the TLS library otherwise. */
  readonly wire?: WireClientOf | undefined;
  /** How its ClientHello differs from the control's. */
  readonly hello?: HelloChanges | undefined;
  /** What it resumes: a session of its own kind. */
  readonly session?: Resumable | undefined;
  /** The first control's trace, once there is one. */
  readonly like: Trace | undefined;
  /** How long others took since, where the first control's time says too little or too much. */
  readonly ms?: Trace["ms"] | undefined;
  /** How it talks, where that is not the target's way. */
  readonly protocol?: Protocol | undefined;
  readonly opening?: Opening | undefined;
  /** It stays, once all is said, as long as it waits for a word: it may be hung up on. */
  readonly awaitsClose?: boolean | undefined;
  /** It asks together with its Finished. */
  readonly atOnce?: boolean | undefined;
  /** Where that is not the target's port. */
  readonly port?: number | undefined;
}

export type Meet = (client: Client) => Promise<Encounter>;

const CONNECT = 3000;
const HANDSHAKE = 5000;
/** Bounds of the wait for something decisive. */
const MIN_WAIT = 1000;
const MAX_WAIT = 10_000;
/** A reset may be an accident, or the end of an alert that a write has run into: three more tries. */
const TRIES = 4;
/** Where resets have been seen to be accidents, it takes more of them to mean something. */
const TRIES_WHERE_FLAKY = 10;

/** Milliseconds before another try: whatever was wrong for a moment may have passed. */
const PAUSE = 50;

/** Makes connections to an endpoint, each tried again where it was merely reset, or shut at the ClientHello. */
export function meeting(
  endpoint: Endpoint,
  connect: Connect,
  { clock, signal }: Pick<Outside, "clock" | "signal">,
  limited: Limit,
): Meet {
  const { target, address, timeout = Number.POSITIVE_INFINITY } = endpoint;
  const deadlines = { connect: Math.min(CONNECT, timeout), handshake: Math.min(HANDSHAKE, timeout) };
  let flaky = false;
  let denial = DENIAL_WAIT;
  return async (client) => {
    const { version, control, like, opening, port = target.port } = client;
    const protocol = client.protocol ?? endpoint.protocol;
    const tls = version === null ? undefined : tlsDial({ ...endpoint, protocol }, { ...client, version });
    const dial: Dial = { address, port, opening, tls };
    const wait = waitFor(client, protocol, timeout);
    const close = client.awaitsClose === true ? wait : undefined;
    for (let tries = 1; ; tries += 1) {
      const met = await limited(() =>
        connect({ dial, speech: protocol.speech, wait, like, deadlines: { ...deadlines, denial, close } }),
      );
      const trace = withoutPreamble(met, protocol);
      const answer = protocol.answer(trace);
      // what has no end is waited for once, and by those that are under way meanwhile
      if (answer?.goesOn === true && trace.end === "open" && trace.received.length < MAX_KEPT)
        denial = BODY_WAIT;
      // what a forged client was told before the reset must not be forgotten for a later, silent one
      const told = answer !== undefined || (isGarbled(trace) && !control);
      const again =
        !told && trace.opened !== false && (wasReset(trace) || (version !== null && wasShut(trace)));
      flaky ||= !again && tries > 1;
      const enough = wasReset(trace) && (flaky || control) ? TRIES_WHERE_FLAKY : TRIES;
      if (!again || tries >= enough) return { trace, answer, asked: protocol.http?.request };
      // a signal of its own: one that many wait for warns of a leak
      await clock.sleep(PAUSE, AbortSignal.any([signal]));
    }
  };
}

/** What every client is sent first says nothing to this one. */
function withoutPreamble(trace: Trace, { isPreamble }: Protocol): Trace {
  return isPreamble?.(trace.received) === true
    ? { ...trace, received: new Uint8Array(), receivedUnasked: 0 }
    : trace;
}

const NONE: readonly string[] = [];

function tlsDial(
  { target, protocol, serverCa }: Endpoint,
  client: Client & { readonly version: TlsVersion },
): TlsDial {
  const { version, identity, control, hello = {}, session } = client;
  const serverName = hello.serverName ?? serverNameOf(target);
  return {
    version,
    bothVersions: hello.bothVersions,
    host: target.serverName ?? target.host,
    serverName,
    alpn: protocol.alpn,
    identity,
    serverCa: control ? serverCa : NONE,
    wire: wireOf(client),
    withoutTickets: hello.withoutTickets,
    groups: hello.groups,
    ciphers: hello.ciphers,
    psk: hello.psk,
    atOnce: client.atOnce,
    session: session instanceof Uint8Array ? session : undefined,
  };
}

function wireOf({ version, wire, session }: Client): WireDial | undefined {
  if (wire === undefined || (version !== "1.2" && version !== "1.3")) return undefined;
  return { version, ...wire, session: session instanceof Uint8Array ? undefined : session };
}

/** Without a word that would explain it. */
function wasReset(trace: Trace): boolean {
  const beforeConnected = trace.end === "unconnected" && trace.error === "ECONNRESET";
  return beforeConnected || (trace.end === "reset" && serverAlert(trace) === undefined);
}

/** Closed in place of a ServerHello. That the version is not offered takes more than one such close. */
function wasShut(trace: Trace): boolean {
  const { end, seen, localFault } = trace;
  const said = seen.version !== undefined || serverAlert(trace) !== undefined;
  return end === "closed" && !said && localFault === undefined;
}

/** Ten times what the control took, or another one, within bounds. A silent service decides nothing after the handshake. */
function waitFor({ like, ms = like?.ms }: Client, protocol: Protocol, timeout: number): number {
  if (ms === undefined) return Math.min(MAX_WAIT, timeout);
  const took = protocol.maySayNothing ? ms.established : ms.total;
  return Math.min(Math.max(10 * took, MIN_WAIT), MAX_WAIT, timeout);
}

/** RFC 6066 section 3 allows no addresses. */
export function serverNameOf({ host, serverName = host }: Target): string {
  return isAddress(serverName) ? "" : serverName;
}

/** What the ClientHello cannot ask for (RFC 6066, section 3). */
export function isAddress(host: string): boolean {
  return /^[\d.]+$|:/.test(host);
}
