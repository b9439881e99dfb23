import { CHECKPOINT, COSIGNED } from "../layout.ts";
import type { Findings } from "./finding.ts";
import type { History } from "./history.ts";
import type { SignedCheckpoint } from "./signed-checkpoint.ts";
import { quorumMet, type Trust } from "./trust.ts";
import type { AnchorUsed } from "./verification.ts";

/** Seconds by which a witness's clock may be ahead of ours. */
const SKEW = 300;

/**
 * Holds the cosignatures, which are verified already, to the policy's quorum: those of the newest
 * checkpoint or, where its witnesses have not been asked yet, of the one that was cosigned last.
 * @param now in seconds since the epoch
 * @returns the witnesses as an anchor, where the policy demands some and they are enough
 */
export function judgeWitnesses(
  { current, cosigned }: Pick<History, "current" | "cosigned">,
  { quorum }: Trust,
  now: number,
  findings: Findings,
): AnchorUsed[] {
  if (current === undefined) return [];
  const newest = believed(current, CHECKPOINT, now, findings);
  const last = cosigned === undefined ? newest : believed(cosigned, COSIGNED, now, findings);
  if (quorum === undefined) return [];
  for (const [{ size }, names] of [
    [current, newest],
    [cosigned ?? current, last],
  ] as const) {
    if (quorumMet(quorum, names)) return [{ kind: "witnesses", size, source: [...names].join(", ") }];
  }
  const names = [...new Set([...newest, ...last])].join(", ");
  findings.add({
    code: "QUORUM_UNMET",
    path: CHECKPOINT,
    detail: `the witnesses that cosigned are not the quorum of the policy: ${names === "" ? "none" : names}`,
  });
  return [];
}

/** The witnesses whose cosignature is not from the future. */
function believed(checkpoint: SignedCheckpoint, path: string, now: number, findings: Findings): Set<string> {
  const names = new Set<string>();
  for (const [name, time] of checkpoint.cosigned) {
    if (time <= now + SKEW) names.add(name);
    else {
      findings.add({
        code: "TIME_ANOMALY",
        path,
        detail: `witness ${name} dates its cosignature ${time - now} s into the future`,
      });
    }
  }
  return names;
}
