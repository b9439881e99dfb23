import type { HelloChanges } from "./attack.ts";
import type { Identity } from "./identities/identity.ts";
import type { Observation } from "./observe.ts";
import type { Opening } from "./opening.ts";
import type { ResumableSession } from "./wire/session-ticket.ts";
import type { Speech } from "./speech.ts";
import type { WireAttempt } from "./wire/attempt.ts";
import type { WireIdentity, WireVersion } from "./wire/settings.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** Application bytes that are kept of one connection. */
export const MAX_KEPT = 1 << 16;

/** One connection to be made, and what is said over it: plain data, which another thread can be given. */
export interface Call {
  readonly dial: Dial;
  readonly speech: Speech;
  /** Milliseconds to wait for something decisive. */
  readonly wait: number;
  /** The control's trace, to behave in the same way; undefined while there is none. */
  readonly like: Trace | undefined;
  readonly deadlines: Deadlines;
}

/** Makes a connection and reports everything that it showed. Rejects only when the run is interrupted. */
export type Connect = (call: Call) => Promise<Trace>;

/** Milliseconds that each step may take. */
export interface Deadlines {
  readonly connect: number;
  readonly handshake: number;
  /** What is left of a denial, once its head has come. */
  readonly denial: number;
  /** What is left to the server to hang up, once all is said; nothing, unless that is what it is met for. */
  readonly close?: number | undefined;
}

/** Where a connection leads to, and how it is made. */
export interface Dial {
  readonly address: string;
  readonly port: number;
  /** Said before TLS; without the server's consent there is none. */
  readonly opening?: Opening | undefined;
  /** Undefined: no TLS at all. */
  readonly tls: TlsDial | undefined;
}

export interface TlsDial {
  /** The only version that is offered, unless both of today's are. */
  readonly version: TlsVersion;
  readonly bothVersions?: boolean | undefined;
  /** The name or address that the server's certificate must hold. */
  readonly host: string;
  /** Server name indication; empty for none. */
  readonly serverName: string;
  readonly alpn: readonly string[];
  /** Undefined: no certificate. */
  readonly identity: Credentials | undefined;
  /**
   * Trusted for the server, PEM. OpenSSL also completes the client's chain out of these: with a
   * forged identity there must be none, and the server is not judged.
   */
  readonly serverCa: readonly string[];
  /** By the raw client, in this way; by the TLS library otherwise. */
  readonly wire: WireDial | undefined;
  readonly withoutTickets?: boolean | undefined;
  /** OpenSSL's list of groups for key exchange, where those are not its own. */
  readonly groups?: string | undefined;
  /** OpenSSL's list of suites, where it is not all that authenticate the server. */
  readonly ciphers?: string | undefined;
  readonly psk?: HelloChanges["psk"] | undefined;
  /** The conversation begins before the handshake is complete: what is written goes out with Finished. */
  readonly atOnce?: boolean | undefined;
  /** A session of the TLS library's, to resume. */
  readonly session?: Uint8Array | undefined;
}

/** What the TLS library presents. */
export type Credentials = Pick<Identity, "certificates" | "key">;

export interface WireDial {
  readonly version: WireVersion;
  readonly attempt: WireAttempt;
  readonly identity: WireIdentity | undefined;
  /** To resume. */
  readonly session: ResumableSession | undefined;
}

/** The established connection, as a protocol sees it. */
export interface Channel {
  /** Application bytes so far, the first `MAX_KEPT` of them. */
  received(): Uint8Array;
  /** What the server chose; false where it chose nothing, undefined without TLS. */
  readonly alpn: string | false | undefined;
  /** Closed by the server, or failed. */
  over(): boolean;
  write(bytes: Uint8Array): void;
  /** Milliseconds that the rest of a denial may take, once its head has come. */
  readonly denialWait: number;
  /** Nothing more will be written. Only without TLS. */
  readonly sayNoMore: (() => void) | undefined;
  /** Waits until the condition holds, the connection is over, or `ms` milliseconds are past. */
  until(condition: () => boolean, ms: number): Promise<void>;
}

/** What the client does once the connection is established. It returns when nothing more can be learnt. */
export type Conversation = (channel: Channel) => Promise<void>;

/** A session of the raw client's, or one of the TLS library's in its own form. */
export type Resumable = ResumableSession | Uint8Array;

/** What only the raw client itself can tell of what it sent. */
export interface FlightFacts {
  /** The first handshake came to its flight. */
  readonly sent: boolean;
  /** Later requests for a certificate that it answered. */
  readonly answeredLater: number;
  /** Undefined where the server has not said. */
  readonly earlyDataTaken: boolean | undefined;
}

/** How a connection stood when we left it. */
export type End = "unconnected" | "open" | "closed" | "reset" | "flooded";

/** Everything that one connection showed. */
export interface Trace {
  readonly end: End;
  /** The handshake was complete on our side, or there was none to do. */
  readonly established: boolean;
  /** The errno of the socket's failure, or `timeout` for a connection that was never made. */
  readonly error: string | undefined;
  /** Our own TLS library gave up, without an alert from the server. */
  readonly localFault: string | undefined;
  /** Why the server's certificate is not to be trusted. */
  readonly untrusted: string | undefined;
  readonly seen: Observation;
  /** What the server chose by ALPN; false where it chose nothing, undefined where TLS was not established. */
  readonly alpn: string | false | undefined;
  /** Of a connection of the raw client. */
  readonly flight: FlightFacts | undefined;
  /** Sessions that the server lets the client resume, the last one last. */
  readonly sessions: readonly Resumable[];
  /** Application bytes, the first `MAX_KEPT` of them. */
  readonly received: Uint8Array;
  /** How many of them had come before the client wrote. */
  readonly receivedUnasked: number;
  /** Whether the server agreed to go on with TLS; undefined where it was not asked. */
  readonly opened?: boolean | undefined;
  /** The client came to write application data: it may have said what it wanted. */
  readonly asked: boolean;
  /** Milliseconds from the first packet to the established connection, and to the end. */
  readonly ms: { readonly established: number; readonly total: number };
}
