import type { Judgement, Layer } from "./verdict.ts";
import type { TlsVersion } from "./wire/versions.ts";

export type Verdict = "enforced" | "bypassed" | "inconclusive";

/** The valid client on one TLS version: both times, told as one. */
export interface ControlResult {
  readonly tls: TlsVersion;
  readonly outcome: "accepted" | "refused" | "inconclusive";
  readonly evidence: string;
}

/** One attack on one TLS version; `tls` is null where the version is the attack's own, or there is none. */
export interface AttackResult {
  readonly id: string;
  readonly title: string;
  readonly tls: "1.2" | "1.3" | null;
  readonly outcome: Judgement["outcome"] | "not-run";
  readonly layer: Layer;
  readonly evidence: string;
  /** What it means when it is accepted. */
  readonly meaning: string;
  readonly reference: string;
  /** One line for each kind of server. */
  readonly fix: string;
  /** Its acceptance is shown, and is no bypass. */
  readonly reportedOnly: boolean;
}

/** One target at one of its addresses. */
export interface EndpointResult {
  readonly target: string;
  readonly address: string;
  readonly verdict: Verdict;
  /** Why the verdict is not better, one sentence each. */
  readonly reasons: readonly string[];
  readonly control: readonly ControlResult[];
  readonly attacks: readonly AttackResult[];
}

/** An address that refuses TCP while another one of the same name answers. */
export interface UnreachableAddress {
  readonly target: string;
  readonly address: string;
  readonly reason: string;
}

export interface ProbeResult {
  readonly ok: boolean;
  readonly summary: Readonly<Record<Verdict, number>>;
  readonly endpoints: readonly EndpointResult[];
  readonly unreachable: readonly UnreachableAddress[];
  /** The run was ended before its time; what was not reached is `not-run`. */
  readonly interrupted: boolean;
}
