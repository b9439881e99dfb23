import type { Authority } from "../authority.ts";
import { finishRefusal, type Refusal, switchRefusal, type Waiting } from "./steps.ts";
import type { RotationStatus } from "./status.ts";

/** What comes next in a rotation, and why it has to wait. */
export interface NextStep {
  readonly command: "begin" | "switch" | "finish";
  readonly refusal: Refusal | undefined;
}

/** Undefined where no rotation is under way. */
export function nextStep(
  authority: Authority,
  status: RotationStatus,
  waiting: Waiting,
  now: number,
): NextStep | undefined {
  switch (status.phase) {
    case "idle":
      return undefined;
    case "both-trusted":
      return status.published === undefined
        ? { command: "begin", refusal: undefined }
        : { command: "switch", refusal: switchRefusal(status, waiting, now) };
    case "new-issues":
    case "intermediate":
      return { command: "finish", refusal: finishRefusal(authority, status, now) };
  }
}
