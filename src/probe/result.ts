import type { LeftOut } from "./openapi/operations.ts";
import type { Judgement, Layer } from "./verdict/judgement.ts";
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
  /** It was accepted, and a baseline lets that pass up to and with a day (YYYY-MM-DD, UTC). */
  readonly tolerated?: { readonly expires: string; readonly reason: string };
}

/** How results name the version that an attack is run on. */
export function toldVersion(version: TlsVersion | null): AttackResult["tls"] {
  return version === "1.2" || version === "1.3" ? version : null;
}

/** Why an attack was not run that the user left out. */
export const NOT_SELECTED = "not selected";

/** Whether it was left out by the user, and not for another reason. */
export function isUnselected({ outcome, evidence }: AttackResult): boolean {
  return outcome === "not-run" && evidence === NOT_SELECTED;
}

/** How many attacks there are, and how many of them the user left out. */
export function leftOutOf({ attacks }: Pick<EndpointResult, "attacks">): {
  readonly left: number;
  readonly all: number;
} {
  const count = (some: readonly AttackResult[]) => new Set(some.map(({ id }) => id)).size;
  return { left: count(attacks.filter(isUnselected)), all: count(attacks) };
}

/** One target at one of its addresses. */
export interface EndpointResult {
  readonly target: string;
  readonly address: string;
  /** The name that was asked for and that its certificate had to hold, where that is not the target's host. */
  readonly serverName?: string;
  /** The target that this is another port of. */
  readonly siblingOf?: string;
  readonly verdict: Verdict;
  /** Why the verdict is not better, one sentence each. */
  readonly reasons: readonly string[];
  /** What could not be established, whatever the verdict: a bypass outweighs it, and does not settle it. */
  readonly doubts: readonly string[];
  readonly control: readonly ControlResult[];
  readonly attacks: readonly AttackResult[];
}

/** Refuses TCP: an address, while another one of the same name answers, or a sibling port. */
export interface UnreachableAddress {
  readonly target: string;
  readonly address: string;
  /** The target that this is another port of. */
  readonly siblingOf?: string;
  readonly reason: string;
}

export interface ProbeResult {
  readonly ok: boolean;
  readonly summary: Readonly<Record<Verdict, number>>;
  readonly endpoints: readonly EndpointResult[];
  readonly unreachable: readonly UnreachableAddress[];
  /** Operations that an OpenAPI document describes and that were not probed. */
  readonly leftOut?: readonly LeftOut[];
  /** The run was ended before its time; what was not reached is `not-run`. */
  readonly interrupted: boolean;
  /** Where the findings were held to a baseline: what it says that is no longer so. */
  readonly baseline?: {
    readonly expired: readonly BaselineEntry[];
    readonly unused: readonly BaselineEntry[];
  };
  /** Absent of a joined result whose parts were asked to try different things. */
  readonly selection?: Selection;
  /** Which part of the targets this is, where they are split over several runs. */
  readonly shard?: Shard;
  /** Of a joined result: the parts that are not there. */
  readonly missing?: readonly Shard[];
}

/** What a run is asked to try, and what it has for that. */
export interface Selection {
  /** Ids, in the order of the battery. */
  readonly attacks: readonly string[];
  /** Those of them that are only reported elsewhere. */
  readonly required: readonly string[];
  /** The attacks for which an identity was supplied. */
  readonly identities: readonly string[];
  /** Whether there is the key of the CA that issues to valid clients. */
  readonly clientCa: boolean;
  /** Whether text was named that only an accepted client sees. */
  readonly canary: boolean;
  /** Whether methods are tried that may change something. */
  readonly unsafeMethods: boolean;
  /** SHA-256 of the certificates that were given, each by its use: those that are issued on the spot are none. */
  readonly certificates: readonly string[];
  /** Of all targets, those of the other parts too, where that is not the target's host. */
  readonly serverNames: readonly string[];
  /** Seconds for each step; null where none was set. */
  readonly timeout: number | null;
  /** Of fleetsec: another one has other ways to try an attack. */
  readonly version: string;
  /** Other ports of all targets, those of the other parts too. */
  readonly siblings: readonly string[];
  /** Which roles all targets serve, and which not, a sentence each. */
  readonly expectations: readonly string[];
}

/** One of `count` parts of the targets. */
export interface Shard {
  /** 1-based. */
  readonly index: number;
  readonly count: number;
  /** All targets, those of the other parts too: by them a part that is missing is known. */
  readonly targets: readonly string[];
}

/** A finding that is accepted for a time. */
export interface BaselineEntry {
  readonly attack: string;
  readonly target: string;
  /** Absent: on every version. */
  readonly tls?: "1.2" | "1.3";
  /** The last day on which it counts, YYYY-MM-DD in UTC. */
  readonly expires: string;
  readonly reason: string;
}

/** How many endpoints have which verdict. */
export function summaryOf(endpoints: readonly EndpointResult[]): ProbeResult["summary"] {
  const count = (wanted: Verdict) => endpoints.filter(({ verdict }) => verdict === wanted).length;
  return {
    enforced: count("enforced"),
    bypassed: count("bypassed"),
    inconclusive: count("inconclusive"),
  };
}

/** An attack whose success is a bypass that nobody has accepted. */
export function isBypass({ outcome, reportedOnly, tolerated }: AttackResult): boolean {
  return outcome === "accepted" && !reportedOnly && tolerated === undefined;
}

/** What all of it comes to. A tolerated bypass is no failure; what is doubtful beside it stays a doubt. */
export function standingOf({
  endpoints,
  leftOut = [],
  interrupted,
  missing = [],
}: ProbeResult): "passed" | "failed" | "inconclusive" {
  if (endpoints.some(({ attacks }) => attacks.some(isBypass))) return "failed";
  const unasked = leftOut.some(({ wanted }) => wanted);
  const incomplete = interrupted || unasked || missing.length > 0 || endpoints.length === 0;
  return incomplete || endpoints.some(isDoubtful) ? "inconclusive" : "passed";
}

function isDoubtful({ verdict, doubts, control, attacks }: EndpointResult): boolean {
  return (
    verdict === "inconclusive" ||
    doubts.length > 0 ||
    control.some(({ outcome }) => outcome === "inconclusive") ||
    attacks.some(({ outcome, reportedOnly }) => outcome === "inconclusive" && !reportedOnly)
  );
}
