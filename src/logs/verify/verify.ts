import { conclude } from "./conclude.ts";
import { examine, type ExamineParts } from "./examine.ts";
import type { Verification, VerifyRequest } from "./verification.ts";
import type { Locks } from "../../platform/lock.ts";

export interface VerifyParts extends ExamineParts {
  readonly locks: Locks;
}

/**
 * Verifies a log's store: the signed checkpoint, the tree, the history, the batches, and that
 * nothing else is there. Goes on after a fault, to report all of them at once. Reads nothing but
 * the store and the auditor's state, and writes nothing but that state.
 * @throws FleetsecError where the store or the state cannot be read at all
 */
export async function verifyLog(request: VerifyRequest, parts: VerifyParts): Promise<Verification> {
  const { examination, history, kept } = await examine(request, undefined, parts);
  return conclude(examination, history, kept, request, parts);
}
