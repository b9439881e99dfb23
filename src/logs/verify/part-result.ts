import { createHash } from "node:crypto";
import { formatVerifierKey } from "../verifier-key.ts";
import type { Examination } from "./examination.ts";
import { examine, type ExamineParts } from "./examine.ts";
import { joinFindings } from "./finding.ts";
import type { Part, Shard } from "./part.ts";
import type { Trust } from "./trust.ts";
import type { VerifyRequest } from "./verification.ts";

/** What one of several machines found in its part of the batches, and what it was asked. */
export interface PartResult {
  /** The version of fleetsec that read it. */
  readonly version: string;
  /** When that began, in milliseconds since the epoch. */
  readonly time: number;
  /** When it ended. */
  readonly ended: number;
  /** The store, as it was named. */
  readonly store: string;
  /** Where the part was given as one of so many. */
  readonly shard: Shard | undefined;
  readonly asked: Asked;
  /** The notes of the checkpoints that were believed: the newest one, and the one cosigned last. */
  readonly checkpoint: string | undefined;
  readonly cosigned: string | undefined;
  /** The auditor's own checkpoint that the store was held to. */
  readonly kept: { readonly size: number; readonly root: Uint8Array } | undefined;
  readonly examination: Examination;
}

/** Parts that were asked different things do not make a whole. Digests are hex SHA-256. */
export interface Asked {
  readonly trust: string;
  /** Whether every key must have signed. */
  readonly allKeys: boolean;
  /** Certificates of the time-stamping authorities; undefined where none were named. */
  readonly authorities: readonly string[] | undefined;
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly maxAge: number | undefined;
  readonly anchors: readonly {
    readonly source: string;
    readonly origin: string;
    readonly size: number;
    readonly root: Uint8Array;
  }[];
}

/**
 * Examines a store like a verification, but of the batches reads one part only, and concludes nothing.
 * @throws FleetsecError where the store or the state cannot be read at all
 */
export async function examinePart(
  request: VerifyRequest,
  part: Part,
  { version, store }: Pick<PartResult, "version" | "store">,
  parts: ExamineParts,
): Promise<PartResult> {
  const time = parts.clock.now();
  const { examination, history, kept } = await examine(request, part, parts);
  return {
    version,
    time,
    // a clock that was put back meanwhile makes no part end before it began
    ended: Math.max(time, parts.clock.now()),
    store,
    shard: "count" in part ? part : undefined,
    asked: {
      trust: trustDigest(request.trust),
      allKeys: request.allKeys === true,
      authorities: request.timestampAuthorities?.map(({ der }) => digest(der)),
      since: request.since,
      until: request.until,
      maxAge: request.maxAge,
      anchors: request.anchors.map(({ source, origin, size, root }) => ({ source, origin, size, root })),
    },
    checkpoint: history.current?.note,
    cosigned: history.cosigned?.note,
    kept: kept === undefined ? undefined : { size: kept.checkpoint.size, root: kept.checkpoint.root },
    examination,
  };
}

/** What was found in a part, of the whole and of its batches. */
export type PartFindings = ReturnType<typeof joinFindings>;

/** The findings of a part, and what it is worth by itself. */
export function judgePart({ examination }: PartResult): {
  readonly found: PartFindings;
  readonly outcome: "nothing-found" | "altered" | "not-established";
} {
  const { whole, batches, unread } = examination;
  const found = joinFindings([whole, batches]);
  const isOpen = unread.files.length + whole.unestablished.length > 0;
  return {
    found,
    outcome: found.findings.length > 0 ? "altered" : isOpen ? "not-established" : "nothing-found",
  };
}

/** The same for the same keys, ranges, witnesses and quorum, however the file that names them is laid out. */
export function trustDigest({ logs, witnesses, quorum }: Trust): string {
  const keys = logs.map((key) => [formatVerifierKey(key), key.sizes?.first, String(key.sizes?.last)]);
  const names = [...witnesses].map(([name, key]) => [name, formatVerifierKey(key)]);
  return digest(JSON.stringify([keys, names, quorum]));
}

function digest(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
