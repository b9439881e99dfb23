/** What can be wrong with a store, as docs/verify-logs.md explains it. Other programs rely on the names. */
export const FINDING_CODES = [
  // the signed checkpoint
  "LOG_EMPTY",
  "CHECKPOINT_MISSING",
  "NOTE_MALFORMED",
  "ORIGIN_MISMATCH",
  "KEY_UNKNOWN",
  "SIG_INVALID",
  "SIG_MISSING",
  "KEY_OUT_OF_RANGE",
  "KEY_ROTATION_INVALID",
  "QUORUM_UNMET",
  // its history
  "ROLLBACK",
  "TAIL_TRUNCATED",
  "EQUIVOCATION",
  "INCONSISTENT_WITH_ANCHOR",
  "OBJECT_SHADOWED",
  "LOCK_WEAK",
  "TSR_INVALID",
  // the tree
  "TILE_MISSING",
  "TILE_ALTERED",
  "TILE_CONFLICT",
  "BUNDLE_ORDER",
  "BUNDLE_SURPLUS",
  "LEAF_MISMATCH",
  "LEAF_MALFORMED",
  "CHAIN_BREAK",
  // time
  "TIME_REGRESSION",
  "TIME_ANOMALY",
  "GAP",
  // batches
  "BATCH_MISSING",
  "BATCH_SWAPPED",
  "BATCH_UNSIGNED",
  "BATCH_ALTERED",
  "SIDECAR_ALTERED",
  // records
  "RECORD_ALTERED",
  "RECORD_DELETED",
  "RECORD_INSERTED",
  "RECORD_REORDERED",
  "RECORD_DUPLICATED",
  "RECORDS_MISSING",
  "TRAILING_DATA",
  // everything else
  "UNEXPECTED_FILE",
] as const;

export type FindingCode = (typeof FINDING_CODES)[number];

/** One fault, and where it is. What does not apply is absent. */
export interface Finding {
  readonly code: FindingCode;
  /** Index of the leaf, and so of the batch. */
  readonly seq?: number;
  /** 1-based, in the batch file as it stands; of a record that is not there, as it was signed. */
  readonly line?: number;
  /** In bytes, in the file that `path` names. */
  readonly offset?: number;
  /** Relative to the store. */
  readonly path?: string;
  /** For a person. May contain text from the store: escape it before display. */
  readonly detail: string;
  /** Which hash of a tile. */
  readonly slot?: number;
  /** The first and the last of several places, in whatever the code is about. */
  readonly from?: number;
  readonly to?: number;
  /** The record was rewritten, but its JSON has the same value. */
  readonly equalJson?: boolean;
  /** Digests in hex. */
  readonly expected?: string;
  readonly found?: string;
  /** Signed notes that contradict each other. */
  readonly notes?: readonly string[];
}

/** More are counted, not kept: a store that is all wrong must not fill the memory. */
const MAX_FINDINGS = 10_000;

export interface Findings {
  add(finding: Finding): void;
  /** In the order of the codes, then of place: the first 10,000 of them, whenever they were added. */
  list(): Finding[];
  /** How many there were of each code, those not kept included. */
  counts(): Partial<Record<FindingCode, number>>;
}

export function collectFindings(): Findings {
  let kept: Finding[] = [];
  const counts: Partial<Record<FindingCode, number>> = {};
  return {
    add(finding) {
      counts[finding.code] = (counts[finding.code] ?? 0) + 1;
      kept.push(finding);
      if (kept.length >= 2 * MAX_FINDINGS) kept = firstOf(kept);
    },
    list: () => firstOf(kept),
    counts: () => counts,
  };
}

function firstOf(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(byPlace).slice(0, MAX_FINDINGS);
}

interface Found {
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Partial<Record<FindingCode, number>>>;
}

/** What several collectors found, as if one had: where two stand at one place, the earlier list is first. */
export function joinFindings(lists: readonly Found[]): Found & {
  /** How many were counted only. */
  readonly omitted: number;
} {
  const findings = firstOf(lists.flatMap((one) => one.findings));
  const counts: Partial<Record<FindingCode, number>> = {};
  let total = 0;
  for (const code of FINDING_CODES) {
    const sum = lists.reduce((all, one) => all + (one.counts[code] ?? 0), 0);
    if (sum > 0) counts[code] = sum;
    total += sum;
  }
  return { findings, counts, omitted: total - findings.length };
}

function byPlace(a: Finding, b: Finding): number {
  return (
    group(a) - group(b) ||
    (a.seq ?? -1) - (b.seq ?? -1) ||
    (a.line ?? -1) - (b.line ?? -1) ||
    FINDING_CODES.indexOf(a.code) - FINDING_CODES.indexOf(b.code) ||
    (a.path ?? "").localeCompare(b.path ?? "", "en") ||
    (a.offset ?? -1) - (b.offset ?? -1)
  );
}

/** The log as a whole first, then the tree, then the batches, then what does not belong. */
function group({ code }: Finding): number {
  const index = FINDING_CODES.indexOf(code);
  const starts = ["TILE_MISSING", "BATCH_MISSING", "UNEXPECTED_FILE"] as const;
  return starts.filter((start) => index >= FINDING_CODES.indexOf(start)).length;
}
