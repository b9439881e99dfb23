import type { KeyObject } from "node:crypto";
import type { CipherSuite } from "./cipher-suites.ts";
import type { Connection } from "./connection.ts";
import type { CertificateRequest } from "./handshake.ts";
import type { ServerKeyExchange } from "./key-exchange.ts";
import type { Opener, Sealer } from "./protection.ts";
import type { Transcript } from "./transcript.ts";

/** verify_data of both sides, which a renegotiation is bound to (RFC 5746). */
export interface Verified {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** One TLS 1.2 handshake; a renegotiation is another one on the same connection. */
export interface Client12 {
  readonly connection: Connection;
  readonly transcript: Transcript;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  /** Of the handshake before; undefined in the first. */
  readonly before: Verified | undefined;
}

/** What ServerHello settles. */
export interface Agreed {
  readonly suite: CipherSuite;
  readonly cipherSuite: number;
  readonly serverRandom: Uint8Array;
  readonly extendedMasterSecret: boolean;
  /** The server will send a NewSessionTicket. */
  readonly ticketFollows: boolean;
}

/** The keys of both directions, not yet in use. */
export interface Keys {
  readonly master: Uint8Array;
  readonly sealer: Sealer;
  readonly opener: Opener;
}

/** RFC 5246, section 7.3, from the client's side. */
export type State12 =
  | { readonly at: "start" }
  | { readonly at: "wait-server-hello" }
  | { readonly at: "wait-certificate"; readonly agreed: Agreed }
  | { readonly at: "wait-server-key-exchange"; readonly agreed: Agreed; readonly serverKey: KeyObject }
  | {
      readonly at: "wait-certificate-request-or-done";
      readonly agreed: Agreed;
      readonly exchange: ServerKeyExchange;
    }
  | {
      readonly at: "wait-server-hello-done";
      readonly agreed: Agreed;
      readonly exchange: ServerKeyExchange;
      readonly request: CertificateRequest;
    }
  | {
      readonly at: "wait-change-cipher-spec";
      readonly agreed: Agreed;
      readonly resumed: boolean;
      /** Undefined where the script left the key exchange out. */
      readonly keys: Keys | undefined;
      /** Ours, where it was sent before the server's. */
      readonly verifyData: Uint8Array | undefined;
      readonly ticket: Uint8Array | undefined;
    }
  | {
      readonly at: "wait-finished";
      readonly agreed: Agreed;
      readonly resumed: boolean;
      readonly keys: Keys;
      readonly verifyData: Uint8Array | undefined;
      readonly ticket: Uint8Array | undefined;
    }
  | { readonly at: "connected"; readonly verified: Verified };

export type In<At extends State12["at"]> = Extract<State12, { readonly at: At }>;
