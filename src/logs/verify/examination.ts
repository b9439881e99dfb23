import type { Finding, FindingCode } from "./finding.ts";
import type { History } from "./history.ts";
import type { Kept } from "./kept.ts";
import type { Timeline } from "./timeline.ts";
import type { BatchRange, VerifyRequest } from "./verification.ts";

/**
 * What was found of a store, before anything follows from it: plain facts, so that what several
 * machines found can be joined. Nothing in it depends on the clock.
 */
export interface Examination {
  /** The batches that were read; the others were left to other parts. */
  readonly range: BatchRange;
  /** The same whichever batches are read. */
  readonly whole: WholeFacts;
  readonly batches: BatchFacts;
  /** Hashes of the leaves of `range`, where they are known and the log is not too large to keep them. */
  readonly leaves: Buffer | undefined;
  /** Files that the operating system would not let us read. */
  readonly unread: Unread;
}

/** What the checkpoints, the tree, the leaves and the names of the files say. */
export interface WholeFacts extends FindingFacts {
  /** The checkpoint that the store was held to. */
  readonly log: { readonly origin: string; readonly size: number; readonly root: Uint8Array } | undefined;
  /** The log's name, by its checkpoints or else by the trust file. */
  readonly origin: string | undefined;
  /** Leaves of the tree that the store was held to; there may be no signed root of it. */
  readonly size: number;
  /** Whether the leaves make the signed root; undefined where no root is signed. */
  readonly established: boolean | undefined;
  /** Whether the trees over the records were recomputed. */
  readonly deep: boolean;
  /** When the newest batch was closed, in seconds since the epoch. */
  readonly newest: number | undefined;
  /** The anchors that hold, the largest of each kind. */
  readonly anchors: readonly HeldAnchor[];
  /** The newest time-stamp token that holds. */
  readonly tokens: readonly HeldToken[];
  /** What could not be checked of the tokens, and why. */
  readonly unestablished: readonly string[];
  readonly timeline: Timeline;
}

/** The checkpoint that the auditor kept, or one that was named; where it is kept is not the store's matter. */
export type HeldAnchor =
  | { readonly kind: "kept"; readonly size: number }
  | { readonly kind: "file"; readonly size: number; readonly source: string };

/** A time-stamp that holds, of whenever. */
export interface HeldToken {
  readonly kind: "time-stamp";
  readonly size: number;
  /** The authority and its time. */
  readonly source: string;
  /** That time, in seconds since the epoch. */
  readonly time: number;
}

/** What the bytes of the batches say. */
export interface BatchFacts extends FindingFacts {
  /** Batches whose bytes were compared with their leaf and found equal, and what is in them. */
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  /** Batches outside the window that was asked for, whose records were not read. */
  readonly skipped: number;
}

export interface FindingFacts {
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Partial<Record<FindingCode, number>>>;
}

export interface Unread {
  /** As they were met; the first 10,000. */
  readonly files: readonly { readonly path: string; readonly why: string }[];
  readonly more: number;
}

/** Whether only some of the batches were asked for. */
export function isWindow({ since, until, range }: Pick<VerifyRequest, "since" | "until" | "range">): boolean {
  return since !== undefined || until !== undefined || range !== undefined;
}

/** What was found, and what conclusions are drawn with. */
export interface Examined {
  readonly examination: Examination;
  /** The checkpoints that were verified on the way. */
  readonly history: Pick<History, "current" | "cosigned">;
  /** What the auditor kept of an earlier verification, which the store was held to. */
  readonly kept: Kept | undefined;
}
