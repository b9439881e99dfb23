import type { Script } from "./script.ts";

/** One client of an attack on the protocol's state. */
export interface WireAttempt {
  /** What sets it apart from the attack's other clients; empty where nothing does. */
  readonly kind: string;
  readonly script: Script;
  /** Whether it has a valid client's certificate: the public part is no secret. */
  readonly presents: "valid" | "nothing";
  /** The most bytes of the ClientHello in one record. */
  readonly helloFragment?: number;
}

/** A conforming client without a certificate. */
export const withoutCertificate: WireAttempt = { kind: "", script: {}, presents: "nothing" };
