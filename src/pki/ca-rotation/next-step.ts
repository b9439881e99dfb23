import {
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
  readonly command: "begin" | "switch" | "finish";
  readonly refusal: Refusal | undefined;
}

/** Undefined where no rotation is under way. */
export async function nextStep(situation: Situation, waiting: Waiting): Promise<NextStep | undefined> {
  const { status } = situation;
  if (status.phase === "idle") return undefined;
  if (isUnpublished(status)) return { command: "begin", refusal: damaged(situation) };
  if (status.phase === "both-trusted")
    return { command: "switch", refusal: await switchRefusal(situation, waiting) };
  return { command: "finish", refusal: await finishRefusal(situation) };
}
