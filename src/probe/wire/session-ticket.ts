import { ILLEGAL_PARAMETER } from "./alerts.ts";
import { DecodeError, parse } from "./codec.ts";
import { ExtensionType, parseExtensions, parseMaxEarlyData } from "./extensions.ts";
import type { Group } from "./groups.ts";

/** What it takes to resume a session. */
export interface ResumableSession {
  readonly version: "1.2" | "1.3";
  readonly cipherSuite: number;
  readonly ticket: Uint8Array;
  /** The PSK of TLS 1.3, the master secret of TLS 1.2. */
  readonly secret: Uint8Array;
  /** TLS 1.3: whose key share the server takes. One that it asks for anew costs the 0-RTT data. */
  readonly group: Group | undefined;
  /** RFC 7627 was in use (TLS 1.2). */
  readonly extendedMasterSecret: boolean;
  /** TLS 1.3: ticket_age_add, and when the ticket came, on the clock of the settings. */
  readonly ageAdd: number;
  readonly receivedAt: number;
  /** Bytes of 0-RTT data that the server will take; 0 for none. */
  readonly maxEarlyData: number;
}

/** NewSessionTicket of TLS 1.3 (RFC 8446, section 4.6.1). */
export interface NewSessionTicket {
  /** Seconds. */
  readonly lifetime: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
  readonly ticket: Uint8Array;
  /** Bytes of 0-RTT data that the server will take; 0 for none. */
  readonly maxEarlyData: number;
}

/** Seven days (RFC 8446, section 4.6.1). */
const MAX_LIFETIME = 604_800;

/** @throws DecodeError */
export function parseNewSessionTicket(body: Uint8Array): NewSessionTicket {
  return parse(body, (from) => {
    const lifetime = from.uint(4);
    if (lifetime > MAX_LIFETIME) throw new DecodeError("a ticket of more than a week", ILLEGAL_PARAMETER);
    const ageAdd = from.uint(4);
    const nonce = from.vector(1);
    const ticket = from.vector(2, 1);
    const early = parseExtensions(from.vector(2)).get(ExtensionType.earlyData);
    return {
      lifetime,
      ageAdd,
      nonce,
      ticket,
      maxEarlyData: early === undefined ? 0 : parseMaxEarlyData(early),
    };
  });
}

/** The ticket of TLS 1.2; empty where the server has none after all (RFC 5077, section 3.3). @throws DecodeError */
export function parseNewSessionTicket12(body: Uint8Array): Uint8Array {
  return parse(body, (from) => {
    from.uint(4);
    return from.vector(2);
  });
}
