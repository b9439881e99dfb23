import { FleetsecError } from "../../errors.ts";
import type { HttpAnswer } from "../../platform/http.ts";
import type { SendHttp } from "../../platform/patient-http.ts";
import { parseDecimal } from "../decimal.ts";
import { consistencyProof, verifyConsistency } from "../merkle-proof.ts";
import type { AskRoots } from "../store-tree.ts";
import { type NoteSignature, parseNote } from "../note.ts";
import { formatConsistency } from "../proof/consistency-file.ts";
import { cosignatureTime, signatureBy, type VerifierKey, verifySignature } from "../verifier-key.ts";
import type { SignedCheckpoint } from "../verify/signed-checkpoint.ts";

export interface Witness {
  /** As the policy calls it. */
  readonly name: string;
  readonly key: VerifierKey;
  /** Its submission prefix. */
  readonly url: URL;
}

/** What a witness made of a checkpoint. */
export type Witnessed =
  | { readonly outcome: "cosigned"; readonly signature: NoteSignature }
  /** It has seen a history that this checkpoint does not continue. */
  | { readonly outcome: "refused"; readonly detail: string }
  | { readonly outcome: "failed"; readonly detail: string };

export interface Submission {
  readonly checkpoint: SignedCheckpoint;
  /** Roots over ranges of its leaves. */
  readonly roots: AskRoots;
  /** The size that the witness cosigned last, as far as we know; 0 where we do not. */
  readonly oldSize: number;
  /** Now, in seconds since the epoch. */
  readonly now: number;
}

const TIMEOUT = 30_000;
const MAX_ANSWER = 64 << 10;
/** Another run may submit at the same time: the size that a witness has can move between two requests. */
const ATTEMPTS = 4;
/** Seconds by which a witness's clock may be off. */
const SKEW = 300;

/**
 * Asks a witness to cosign a checkpoint (C2SP tlog-witness, add-checkpoint). Its answer is believed
 * only where the cosignature verifies.
 */
export async function addCheckpoint(
  witness: Witness,
  submission: Submission,
  send: SendHttp,
  signal: AbortSignal,
): Promise<Witnessed> {
  const { checkpoint, roots } = submission;
  let { oldSize } = submission;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const proof = oldSize === 0 ? [] : await proofFrom(oldSize, checkpoint, roots);
      const answer = await send({
        method: "POST",
        url: new URL("add-checkpoint", witness.url),
        headers: { "content-type": "text/plain; charset=utf-8" },
        body: formatConsistency({ old: oldSize, proof, checkpoint: Buffer.from(checkpoint.note) }),
        timeout: TIMEOUT,
        maxBody: MAX_ANSWER,
        signal,
      });
      if (answer.status !== 409) return judge(answer, witness, submission);
      const known = sizeIn(answer);
      if (known === undefined) return failed("it answers 409 without a size");
      if (known > checkpoint.size) {
        return refused(`it has cosigned size ${known}; this checkpoint is of size ${checkpoint.size}`);
      }
      if (known === oldSize) return refused(forkedAt(known));
      oldSize = known;
    }
    return failed("the size that it has cosigned keeps changing");
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "unreachable") return failed(error.message);
    throw error;
  }
}

/** @throws FleetsecError `state` where the store's tiles contradict each other: no witness is to blame for that */
async function proofFrom(
  oldSize: number,
  { size, root }: SignedCheckpoint,
  roots: AskRoots,
): Promise<Uint8Array[]> {
  const { proof, oldRoot } = await roots((rootOf) => ({
    proof: consistencyProof(oldSize, size, rootOf),
    oldRoot: rootOf(0, oldSize),
  }));
  if (verifyConsistency(oldSize, size, proof, oldRoot, root)) return proof;
  throw new FleetsecError(
    "state",
    `the tiles of the store do not lead from size ${oldSize} to size ${size}`,
    {
      hint: "run fleetsec verify-logs on the store",
    },
  );
}

function judge(answer: HttpAnswer, witness: Witness, { checkpoint, now }: Submission): Witnessed {
  switch (answer.status) {
    case 200:
      return cosignatureIn(answer.body, witness, checkpoint, now);
    case 403:
      return failed("it knows no key that signed the checkpoint (403)");
    case 404:
      return failed(`it does not know the log ${checkpoint.origin} (404)`);
    case 422:
      return refused("it has cosigned another history of this log");
    default:
      return failed(`it answers ${answer.status}`);
  }
}

function forkedAt(size: number): string {
  return `it has cosigned another checkpoint of size ${size}`;
}

function sizeIn({ headers, body }: HttpAnswer): number | undefined {
  const [digits, end] = body.toString("latin1").split("\n");
  const [type] = (headers["content-type"] ?? "").split(";");
  return type?.trim() === "text/x.tlog.size" && end === "" ? parseDecimal(digits ?? "") : undefined;
}

/** The witness's signature among those of the answer; others' are ignored, as tlog-witness says. */
function cosignatureIn(body: Buffer, { key }: Witness, { note }: SignedCheckpoint, now: number): Witnessed {
  const { text } = parseNote(Buffer.from(note));
  let signature: NoteSignature | undefined;
  try {
    signature = signatureBy(key, parseNote(Buffer.concat([Buffer.from(`${text}\n`), body])));
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return failed("its answer is no signature");
  }
  if (signature === undefined) return failed("its answer has no signature of its key");
  if (!verifySignature(key, text, signature.signature)) return failed("its cosignature does not verify");
  const time = cosignatureTime(signature.signature) ?? 0;
  if (Math.abs(time - now) > SKEW) return failed(`it dates its cosignature ${time - now} s from now`);
  return { outcome: "cosigned", signature };
}

function refused(detail: string): Witnessed {
  return { outcome: "refused", detail };
}

function failed(detail: string): Witnessed {
  return { outcome: "failed", detail };
}
