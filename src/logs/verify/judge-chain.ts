import { FleetsecError } from "../../errors.ts";
import { type BatchLeaf, parseLeaf } from "../leaf.ts";
import { sha256 } from "../merkle.ts";
import type { Finding, Findings } from "./finding.ts";
import type { StoredLeaf } from "./leaf-source.ts";

/** Looks at each leaf beside the one before it: sequence, `prev`, time. */
export interface ChainJudge {
  /** @returns what the leaf says, where it is a leaf of ours */
  next(leaf: StoredLeaf): BatchLeaf | undefined;
  /** When the newest batch that was seen was closed, in seconds since the epoch. */
  newest(): number | undefined;
}

/** @param maxAge seconds in which a log with heartbeats has another batch; undefined where none are demanded */
export function judgeChain(findings: Findings, maxAge?: number): ChainJudge {
  let before:
    | { readonly seq: number; readonly sha256: string; readonly said: BatchLeaf | undefined }
    | undefined;
  let newest: number | undefined;
  let hasHeartbeats = false;
  return {
    newest: () => newest,
    next(leaf) {
      const said = parse(leaf, findings);
      // what follows a leaf that is itself altered, or missing, is not to blame for not fitting it
      const last = before?.seq === leaf.seq - 1 ? before : undefined;
      if (leaf.state !== "altered" && said !== undefined) {
        reportBreaks(leaf, said, last?.sha256, findings);
        reportRegression(said, last?.said, findings);
        if (hasHeartbeats && maxAge !== undefined) reportSilence(said, last?.said, maxAge, findings);
        hasHeartbeats ||= said.records === 0;
        newest = said.to;
      }
      before =
        leaf.state === "altered"
          ? undefined
          : { seq: leaf.seq, sha256: sha256(leaf.bytes).toString("hex"), said };
      return said;
    },
  };
}

function parse({ seq, bytes, state }: StoredLeaf, findings: Findings): BatchLeaf | undefined {
  try {
    return parseLeaf(bytes);
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    if (state !== "altered") findings.add({ code: "LEAF_MALFORMED", seq, detail: error.message });
    return undefined;
  }
}

function reportBreaks(
  { seq }: StoredLeaf,
  said: BatchLeaf,
  before: string | undefined,
  findings: Findings,
): void {
  const report = (finding: Omit<Finding, "code" | "seq">) =>
    findings.add({ code: "CHAIN_BREAK", seq, ...finding });
  if (said.seq !== seq) report({ detail: `leaf ${seq} calls itself ${said.seq}` });
  if (before !== undefined && said.prev !== before) {
    report({
      detail: `leaf ${seq} does not follow leaf ${seq - 1}: its prev is another leaf's hash`,
      expected: before,
      ...(said.prev === undefined ? {} : { found: said.prev }),
    });
  }
}

/** Batches follow one another: none is opened before the one before it was closed. */
function reportRegression(said: BatchLeaf, before: BatchLeaf | undefined, findings: Findings): void {
  if (before === undefined || said.from >= before.to) return;
  findings.add({
    code: "TIME_REGRESSION",
    seq: said.seq,
    detail: `batch ${said.seq} is dated before the end of batch ${before.seq}`,
  });
}

/**
 * A log with heartbeats is never silent: a signer writes an empty batch when it begins, and then one
 * every interval at least.
 */
function reportSilence(
  said: BatchLeaf,
  before: BatchLeaf | undefined,
  maxAge: number,
  findings: Findings,
): void {
  const silence = before === undefined ? 0 : said.to - before.to;
  if (silence <= maxAge) return;
  findings.add({
    code: "GAP",
    seq: said.seq,
    detail: `heartbeats are missing: nothing was signed for ${silence} s before batch ${said.seq}; at most ${maxAge} s are allowed`,
  });
}
