import type { Trace } from "./exchange.ts";
import type { Flight } from "./flight.ts";
import { DECODE_ERROR, refusesClient } from "./wire/alerts.ts";

/** What a client has to send for its refusal to mean anything. */
export type Presented =
  /** A forged certificate, DER. */
  | { readonly certificate: Uint8Array }
  /** Messages of the raw client's own. */
  | { readonly flight: Flight }
  /** An empty Certificate message. */
  | "no-certificate"
  /** The same, after a ClientHello that is not the control's. */
  | "other-hello"
  /** The same, after one that asks for another server, or for none by name. */
  | "other-name"
  /** A session to resume; an empty Certificate message where the server does not. */
  | "session"
  /** The same, of one that was given under another name: what answers may be that one's. */
  | "session-of-other-name"
  /** Not even a handshake. */
  | "no-tls";

/**
 * Why a refusal proves nothing. A TLS library that finds no signature algorithm for its certificate
 * sends an empty Certificate instead; a server that refuses that has not judged the forgery.
 */
export function unproved(trace: Trace, presented: Presented, inTls: boolean): string | undefined {
  if (presented === "no-tls" || hasOtherHello(presented) || isFlight(presented)) return undefined;
  if (isSession(presented) && wasResumed(trace)) return undefined;
  const sent = trace.seen.clientCertificates;
  if (presented === "no-certificate" || isSession(presented)) {
    // a service that refuses in its own words did so whether or not TLS asked for a certificate
    return sent?.length === 0 || !inTls ? undefined : "it had asked for no certificate";
  }
  if (sent === undefined) return "the forged certificate was not asked for";
  const leaf = sent[0];
  if (leaf === undefined || !Buffer.from(leaf).equals(presented.certificate)) {
    return "the forged certificate was not sent: its signature algorithm was not listed";
  }
  return trace.seen.clientVerified ? undefined : "no CertificateVerify was sent";
}

/** No certificate, after a ClientHello that is not the control's. */
export function hasOtherHello(presented: Presented): presented is "other-hello" | "other-name" {
  return presented === "other-hello" || presented === "other-name";
}

export function isSession(presented: Presented): presented is "session" | "session-of-other-name" {
  return presented === "session" || presented === "session-of-other-name";
}

/** Another virtual host may be what answers, with a 200 of its own for everybody. */
export function mayMeetAnotherHost(presented: Presented): boolean {
  return presented === "other-name" || presented === "session-of-other-name";
}

export function isFlight(presented: Presented): presented is { readonly flight: Flight } {
  return typeof presented === "object" && "flight" in presented;
}

/** The server went on with the session, or the key, that was offered: it has not shown its certificate. */
export function wasResumed({ seen }: Trace): boolean {
  return seen.version !== undefined && seen.serverFinished && seen.serverCertificates.length === 0;
}

/** The last alert with which the server ended the connection. */
export function serverAlert(trace: Trace): number | undefined {
  return trace.seen.alerts.findLast(({ from, fatal }) => from === "server" && fatal)?.description;
}

/** decode_error is how GnuTLS answers an empty Certificate. */
export function isClientRefusal(alert: number): boolean {
  return refusesClient(alert) || alert === DECODE_ERROR;
}

/**
 * Of a connection without an answer: the service said something all the same. A client library that
 * is laxer than our parser might read an answer in it, so it is no refusal.
 */
export function isGarbled(trace: Trace): boolean {
  return trace.received.length > 0;
}

export function describeEnd(trace: Trace): string {
  const when = trace.established ? "without an answer" : "in the handshake";
  if (isGarbled(trace) && trace.end !== "flooded") return `${trace.received.length} bytes that are no answer`;
  switch (trace.end) {
    case "closed":
      return `closed ${when}`;
    case "reset":
      return `reset ${when} (${trace.error})`;
    case "flooded":
      return "the server sent too much";
    case "open":
      return `nothing in time ${when}`;
    case "unconnected":
      return "no connection";
  }
}

export function isHungUpOn({ end }: Trace): boolean {
  return end === "closed" || end === "reset";
}

/**
 * Whether a client was kept for much longer than it took to hang up on another one: by half as long again, and half a
 * second. Where everybody is hung up on after the same time, what differs is when each was begun to be watched.
 */
export function outlasts(kept: Trace, hungUpOn: Trace): boolean {
  return lasted(kept) >= 1.5 * lasted(hungUpOn) + 500;
}

function lasted({ ms }: Trace): number {
  return ms.total - ms.established;
}
