import { notBegun } from "../ca-chain.ts";
import {
  abortRefusal,
  damaged,
  finishRefusal,
  type Refusal,
  type Situation,
  switchRefusal,
  type Waiting,
} from "./steps.ts";
import { isUnpublished } from "./status.ts";

/** What comes next in a rotation, and why it has to wait. */
export interface NextStep {
  readonly command: "begin" | "switch" | "finish" | "abort";
  /** What is wrong with the CA that would remain. */
  readonly because?: string;
  readonly refusal: Refusal | undefined;
}

/** Undefined where no rotation is under way. */
export async function nextStep(situation: Situation, waiting: Waiting): Promise<NextStep | undefined> {
  const { status } = situation;
  if (status.phase === "idle") return undefined;
  const early = notBegun(status.next, situation.now);
  if (early !== undefined)
    return { command: "abort", because: early.message, refusal: await abortRefusal(situation) };
  if (isUnpublished(status)) return { command: "begin", refusal: damaged(situation) };
  if (status.phase === "both-trusted")
    return { command: "switch", refusal: await switchRefusal(situation, waiting) };
  return { command: "finish", refusal: await finishRefusal(situation) };
}
