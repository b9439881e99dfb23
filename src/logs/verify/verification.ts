import type { Certificate } from "../../pki/verify/certificate.ts";
import type { Anchor } from "./anchors.ts";
import type { Finding, FindingCode } from "./finding.ts";
import type { SignatureType } from "../verifier-key.ts";
import type { StoreReader } from "./store.ts";
import type { Timeline } from "./timeline.ts";
import type { Trust } from "./trust.ts";

/** Batches from one on to before another, which may be Infinity. */
export interface BatchRange {
  readonly from: number;
  readonly to: number;
}

/** What is asked of a verification. Paths are absolute, times in seconds since the epoch. */
export interface VerifyRequest {
  /** The store's directory; what reads it where it lies elsewhere. */
  readonly store: string | StoreReader;
  /**
   * `batches`: a store of ours. `records`: a tile log that another program wrote, a leaf a record;
   * files that C2SP tlog-tiles does not name are not judged there.
   */
  readonly leaves: "batches" | "records";
  readonly trust: Trust;
  /** Every key of the log must have signed each checkpoint for whose size it counts; else one is enough. */
  readonly allKeys?: boolean;
  readonly anchors: readonly Anchor[];
  /** What speaks against the places that the anchors are from. */
  readonly anchorFindings?: readonly Finding[];
  /** Certificates of time-stamping authorities to trust; without any, tokens are not checked. */
  readonly timestampAuthorities?: readonly Certificate[] | undefined;
  /** Where the auditor's checkpoints are kept. */
  readonly state: string;
  /** Only batches in this range have their records read; undefined for all. */
  readonly range?: BatchRange | undefined;
  /** Only batches that were open within these times have their records read. */
  readonly since: number | undefined;
  readonly until: number | undefined;
  /** The newest batch may be this many seconds old. */
  readonly maxAge: number | undefined;
  /** The trees over the records, and the sidecars, are recomputed in a log of up to so many records. */
  readonly deepUpTo: number;
  /** How many threads digest the batches, where these have at least `from` bytes together. */
  readonly threads: { readonly count: number; readonly from: number };
  readonly allowUnanchored: boolean;
}

/**
 * `intact`: nothing is altered, and something outside the store bounds what could be missing.
 * `unanchored`: nothing is altered, but a cut-off tail could not be seen.
 * `altered`: there are findings.
 * `not-established`: nothing was found, but not all that was asked for could be checked.
 */
export type Verdict = "intact" | "unanchored" | "altered" | "not-established";

/**
 * Whether the log stands as a whole. Otherwise even its verified batches prove nothing of what the log
 * says: a fork of it has batches below a signed root too.
 */
export function isWhole({ verdict }: Pick<Verification, "verdict">): boolean {
  return verdict === "intact" || verdict === "unanchored";
}

/** What bounds the tail of the log, and up to which size. */
export interface AnchorUsed {
  readonly kind: "kept" | "file" | "witnesses" | "time-stamp" | "age";
  readonly size: number;
  /** The file, the witnesses, the authority and its time, or the age. */
  readonly source: string;
  /** Of a kept checkpoint: when it was kept, in milliseconds since the epoch. */
  readonly since?: number;
}

/** How many batches, from the first, the newest anchor has: whoever holds the log's key can still rewrite the others. */
export function anchoredSize({ anchors }: Pick<Verification, "anchors">): number {
  return anchors.reduce((most, { size }) => Math.max(most, size), 0);
}

export interface Verification {
  readonly verdict: Verdict;
  /** Whether this is a success: intact and, unless that was waived, anchored. */
  readonly ok: boolean;
  /** What the leaves are, as it was asked. */
  readonly leaves: VerifyRequest["leaves"];
  /** The checkpoint that the store was held to. */
  readonly log: { readonly origin: string; readonly size: number; readonly root: Uint8Array } | undefined;
  readonly checked: {
    /** Batches whose bytes were compared with their leaf and found equal, and what is in them. */
    readonly batches: number;
    readonly records: number;
    readonly bytes: number;
    /** Batches outside the window that was asked for, whose records were not read. */
    readonly skipped: number;
    /** Whether the trees over the records and the sidecars were recomputed. */
    readonly deep: boolean;
  };
  /** Of parts that were joined: when the first one began and the last one ended, in milliseconds since the epoch. */
  readonly read?: { readonly from: number; readonly to: number };
  readonly anchors: readonly AnchorUsed[];
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Partial<Record<FindingCode, number>>>;
  /** Findings that were counted, but are too many to be listed. */
  readonly omitted: number;
  /** What could not be checked, and why. */
  readonly unestablished: readonly string[];
  /** What became of the auditor's own checkpoint. */
  readonly kept: KeptOutcome;
  /** The keys that were believed. */
  readonly keys: readonly TrustedKey[];
  /** The batches in time; nothing for leaves that are records. */
  readonly timeline: Timeline;
}

/** A key of the trust file. */
export interface TrustedKey {
  /** Name and key id. */
  readonly name: string;
  readonly type: SignatureType;
  /** Whether the newest checkpoint carries its signature. */
  readonly signed: boolean;
}

export interface KeptOutcome {
  /** Size of the checkpoint that was kept before, if any. */
  readonly before: number | undefined;
  /** `saved`: this one is kept from now on. `same`: it was kept already. `not`: nothing was changed. */
  readonly now: "saved" | "same" | "not";
  readonly path: string | undefined;
  /** Why it could not be saved. */
  readonly fault?: string;
}
