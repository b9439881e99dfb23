import type { KeyObject } from "node:crypto";
import type { CipherSuite } from "./cipher-suites.ts";
import type { Connection } from "./connection.ts";
import type { CertificateRequest } from "./handshake.ts";
import type { Group } from "./groups.ts";
import type { Hello13 } from "./hello.ts";
import { deriveSecret } from "./secrets13.ts";
import type { Transcript } from "./transcript.ts";

/** The parts of a TLS 1.3 handshake that do not depend on its state. */
export interface Client13 {
  readonly connection: Connection;
  readonly transcript: Transcript;
  readonly random: Uint8Array;
}

/** What ServerHello settles. */
export interface Agreed {
  readonly suite: CipherSuite;
  readonly cipherSuite: number;
  readonly group: Group;
  readonly resumed: boolean;
  readonly handshakeSecret: Uint8Array;
  readonly clientSecret: Uint8Array;
  readonly serverSecret: Uint8Array;
}

/** The traffic secrets of the application's data. */
export interface ApplicationSecrets {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  readonly resumption: Uint8Array;
}

/** The client's states of RFC 8446, appendix A.1. */
export type State13 =
  | { readonly at: "start" }
  | {
      readonly at: "wait-server-hello";
      readonly hello: Hello13;
      /** The suite of the HelloRetryRequest, where one came. */
      readonly retried: number | undefined;
    }
  | { readonly at: "wait-encrypted-extensions"; readonly agreed: Agreed; readonly hello: Hello13 }
  | { readonly at: "wait-certificate-or-request"; readonly agreed: Agreed }
  | { readonly at: "wait-certificate"; readonly agreed: Agreed; readonly request: CertificateRequest }
  | {
      readonly at: "wait-certificate-verify";
      readonly agreed: Agreed;
      readonly request: CertificateRequest | undefined;
      readonly serverKey: KeyObject;
    }
  | {
      readonly at: "wait-finished";
      readonly agreed: Agreed;
      readonly request: CertificateRequest | undefined;
    }
  | {
      readonly at: "connected";
      readonly agreed: Agreed;
      readonly secrets: ApplicationSecrets;
      readonly keyUpdates: number;
    };

export type In<At extends State13["at"]> = Extract<State13, { readonly at: At }>;

/** A traffic secret of the transcript so far, written down by its name in key logs (RFC 9850). */
export function loggedSecret(
  { connection, transcript, random }: Client13,
  suite: CipherSuite,
  from: Uint8Array,
  label: string,
  logName: string,
): Uint8Array {
  const secret = deriveSecret(suite.hash, from, label, transcript.hash(suite.hash));
  connection.secrets.add(`${logName} ${hex(random)} ${hex(secret)}`);
  return secret;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
