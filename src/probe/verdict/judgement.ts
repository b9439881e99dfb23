import type { Answer } from "../answer.ts";
import type { Trace } from "../exchange.ts";
import type { HttpRequest } from "../protocols/http.ts";
import type { TlsVersion } from "../wire/versions.ts";

/** Where something was decided. */
export type Layer = "tcp" | "tls" | "http" | "app";

/** What became of one client, and how we know. */
export interface Judgement {
  readonly outcome: "accepted" | "refused" | "not-applicable" | "inconclusive";
  readonly layer: Layer;
  /** For people; escaped by whoever shows it. */
  readonly evidence: string;
}

/** What is known of the service apart from the connection that is judged. */
export interface Setting {
  readonly layer: "http" | "app";
  readonly maySayNothing: boolean;
  /** Text that only an accepted client sees. */
  readonly canary: string | undefined;
  /** Undefined without TLS. */
  readonly version: TlsVersion | undefined;
}

/** One connection, with what the protocol makes of it. */
export interface Encounter {
  readonly trace: Trace;
  readonly answer: Answer | undefined;
  /** Of the protocols that carry HTTP requests. */
  readonly asked?: HttpRequest | undefined;
}

/** The valid client's encounters before and after the attacks. */
export interface Controls {
  /** Encounters in which the control was accepted. */
  readonly good: readonly Encounter[];
  /** Both were, and agreed. */
  readonly sound: boolean;
  /** Some client was refused that had been given tickets: those are given before the client is judged. */
  readonly ticketsToAll?: boolean;
}

export function inconclusive(layer: Layer, evidence: string): Judgement {
  return { outcome: "inconclusive", layer, evidence };
}
