import { FleetsecError } from "../../errors.ts";
import { type Checkpoint, parseCheckpoint } from "../checkpoint.ts";
import { parseLeaf } from "../leaf.ts";
import { leafHash } from "../merkle.ts";
import { verifyConsistency, verifyInclusion } from "../merkle-proof.ts";
import { collectFindings } from "../verify/finding.ts";
import { judgeWitnesses } from "../verify/judge-witnesses.ts";
import { isByRetiredAlone } from "../verify/retired.ts";
import {
  keyName,
  type NoteFault,
  openCheckpoint,
  type SignedCheckpoint,
} from "../verify/signed-checkpoint.ts";
import type { Trust } from "../verify/trust.ts";
import { CONSISTENCY, parseConsistency } from "./consistency-file.ts";
import { malformedProof } from "./hash-lines.ts";
import { parseOpening } from "./record-opening.ts";
import { parseTlogProof, TLOG_PROOF } from "./tlog-proof.ts";

/** Longer files are refused unread: the longest record, in base64, and what leads to the root. */
export const MAX_PROOF_SIZE = 4 << 20;

export type ProofFaultCode =
  | NoteFault["code"]
  /** It begins as a proof, and goes on as none. */
  | "PROOF_MALFORMED"
  | "QUORUM_UNMET"
  | "TIME_ANOMALY"
  /** Only keys that the trust file calls retired signed the checkpoint: whoever holds one can sign another. */
  | "KEY_RETIRED"
  /** The record is not what the batch's leaf commits to, at that place. */
  | "RECORD_NOT_INCLUDED"
  /** The leaf is not what the checkpoint commits to, at that place. */
  | "LEAF_NOT_INCLUDED"
  /** The newer tree does not extend the older one. */
  | "NOT_CONSISTENT";

export interface ProofFault {
  readonly code: ProofFaultCode;
  readonly detail: string;
}

/** What a proof proves; only where `ok`. */
export interface ProofVerdict {
  readonly ok: boolean;
  readonly kind: "inclusion" | "consistency";
  readonly findings: readonly ProofFault[];
  /** The checkpoint, as it says of itself. */
  readonly log: { readonly origin: string; readonly size: number; readonly root: Uint8Array } | undefined;
  readonly witnesses: readonly string[];
  /** Of an inclusion proof. */
  readonly record?: {
    readonly seq: number;
    /** From 1. */
    readonly line: number;
    /** When the signer opened and closed the batch, by its clock, in seconds since the epoch. */
    readonly from: number;
    readonly to: number;
    readonly bytes: Buffer;
  };
  /** Of a consistency proof: the older tree. */
  readonly old?: { readonly size: number; readonly root: Uint8Array };
}

export interface ProofRequest {
  readonly proof: Buffer;
  readonly trust: Trust;
  /** The older signed checkpoint, which a consistency proof is about. */
  readonly old: Buffer | undefined;
  /** In seconds since the epoch. */
  readonly now: number;
}

/**
 * Verifies a proof file with nothing but the keys that the auditor trusts. A file that begins as a
 * proof and goes on as none is a proof of nothing.
 * @throws FleetsecError `input` on a file that does not begin as a proof, `usage` where the older
 *   checkpoint is missing, or is given for a proof that needs none
 */
export function verifyProof({ proof, trust, old, now }: ProofRequest): ProofVerdict {
  const begins = (text: string) => proof.subarray(0, text.length).toString("latin1") === text;
  if (begins(TLOG_PROOF)) {
    if (old !== undefined) {
      throw new FleetsecError("usage", "an inclusion proof has no older checkpoint", {
        hint: "leave out --old",
      });
    }
    return unlessMalformed("inclusion", () => verifyRecordProof(proof, trust, now));
  }
  if (!begins(CONSISTENCY)) throw malformedProof("it begins like none");
  if (old === undefined) {
    throw new FleetsecError("usage", "a consistency proof is about an older checkpoint, and none is given", {
      hint: "name the older signed checkpoint with --old",
    });
  }
  const older = judgeCheckpoint(old, trust, now);
  return unlessMalformed("consistency", () => verifyConsistencyFile(proof, trust, older, now));
}

function unlessMalformed(kind: ProofVerdict["kind"], judge: () => ProofVerdict): ProofVerdict {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof FleetsecError) || error.code !== "input") throw error;
    const findings: ProofFault[] = [{ code: "PROOF_MALFORMED", detail: error.message }];
    return { ok: false, kind, findings, log: undefined, witnesses: [] };
  }
}

function verifyRecordProof(bytes: Buffer, trust: Trust, now: number): ProofVerdict {
  const { extra, index, path, checkpoint } = parseTlogProof(bytes);
  if (extra === undefined) throw malformedProof("it has no extra data, so no record");
  const opening = parseOpening(Buffer.from(extra));
  const leaf = parseLeaf(opening.leaf);
  const opened = judgeCheckpoint(checkpoint, trust, now);
  const findings = [...opened.findings];
  const included = verifyInclusion(
    opening.index,
    leaf.records,
    opening.path,
    leafHash(opening.record),
    leaf.root,
  );
  if (!included) {
    findings.push({
      code: "RECORD_NOT_INCLUDED",
      detail: `it is not record ${opening.index + 1} of the batch whose leaf is given`,
    });
  }
  const { size, root } = opened.checkpoint;
  if (leaf.seq !== index || !verifyInclusion(index, size, path, leafHash(opening.leaf), root)) {
    findings.push({
      code: "LEAF_NOT_INCLUDED",
      detail: `the leaf is not entry ${index} of the log that the checkpoint is of`,
    });
  }
  return {
    ok: findings.length === 0,
    kind: "inclusion",
    findings,
    log: opened.checkpoint,
    witnesses: opened.witnesses,
    record: {
      seq: leaf.seq,
      line: opening.index + 1,
      from: leaf.from,
      to: leaf.to,
      bytes: Buffer.from(opening.record),
    },
  };
}

function verifyConsistencyFile(
  bytes: Buffer,
  trust: Trust,
  older: JudgedCheckpoint,
  now: number,
): ProofVerdict {
  const { old: size, proof, checkpoint } = parseConsistency(bytes);
  const newer = judgeCheckpoint(checkpoint, trust, now);
  const findings = [...newer.findings, ...older.findings.filter(isOfOlder)];
  const [before, after] = [older.checkpoint, newer.checkpoint];
  const consistent =
    before.origin === after.origin &&
    before.size === size &&
    verifyConsistency(size, after.size, proof, before.root, after.root);
  if (!consistent) {
    findings.push({
      code: "NOT_CONSISTENT",
      detail: `it does not show that the log of size ${after.size} extends the one of size ${before.size}`,
    });
  }
  return {
    ok: findings.length === 0,
    kind: "consistency",
    findings,
    log: after,
    witnesses: newer.witnesses,
    old: { size: before.size, root: before.root },
  };
}

/** What counts of an older checkpoint: it is of the auditor's own keeping, which vouches for it. */
function isOfOlder({ code }: ProofFault): boolean {
  return code !== "QUORUM_UNMET" && code !== "KEY_RETIRED";
}

interface JudgedCheckpoint {
  readonly findings: readonly ProofFault[];
  readonly checkpoint: Checkpoint;
  readonly witnesses: readonly string[];
}

/** The checkpoint's own faults, and what it says. @throws FleetsecError `input` where it is none */
function judgeCheckpoint(bytes: Uint8Array, trust: Trust, now: number): JudgedCheckpoint {
  const opened = openCheckpoint(bytes, trust);
  if ("code" in opened) {
    if (opened.code === "NOTE_MALFORMED") throw malformedProof(opened.detail);
    return { findings: [opened], checkpoint: readUnbelieved(bytes), witnesses: [] };
  }
  const found = collectFindings();
  const signed: SignedCheckpoint = opened;
  const used = judgeWitnesses({ current: signed, cosigned: undefined }, trust, now, found);
  const findings: ProofFault[] = found
    .list()
    .map(({ code, detail }) => ({ code: code as "QUORUM_UNMET" | "TIME_ANOMALY", detail }));
  // a witness cosigns no other history of the log
  if (used.length === 0 && isByRetiredAlone(signed)) {
    const keys = signed.keys.map(keyName).join(", ");
    const detail = `retired keys alone signed the checkpoint of size ${signed.size} (${keys}), and their holder can sign another: prove it against a newer one`;
    findings.push({ code: "KEY_RETIRED", detail });
  }
  return { findings, checkpoint: signed, witnesses: used.map(({ source }) => source) };
}

/** What a checkpoint says whose signatures are not to be believed. */
function readUnbelieved(bytes: Uint8Array) {
  const text = Buffer.from(bytes).toString("utf8");
  return parseCheckpoint(text.slice(0, text.lastIndexOf("\n\n") + 1));
}
