import type { Findings } from "./finding.ts";
import type { SignedCheckpoint } from "./signed-checkpoint.ts";
import { quorumMet, type Trust } from "./trust.ts";
import type { AnchorUsed } from "./verification.ts";

/** Seconds by which a witness's clock may be ahead of ours. */
const SKEW = 300;

/**
 * Holds the newest checkpoint's cosignatures, which are verified already, to the policy's quorum.
 * @param now in seconds since the epoch
 * @returns the witnesses as an anchor, where the policy demands some and they are enough
 */
export function judgeWitnesses(
  current: SignedCheckpoint | undefined,
  { quorum }: Trust,
  now: number,
  findings: Findings,
): AnchorUsed[] {
  if (current === undefined) return [];
  const cosigned = new Set<string>();
  for (const [name, time] of current.cosigned) {
    if (time <= now + SKEW) cosigned.add(name);
    else {
      findings.add({
        code: "TIME_ANOMALY",
        path: "checkpoint",
        detail: `witness ${name} dates its cosignature ${time - now} s into the future`,
      });
    }
  }
  if (quorum === undefined) return [];
  const names = [...cosigned].join(", ");
  if (quorumMet(quorum, cosigned)) return [{ kind: "witnesses", size: current.size, source: names }];
  findings.add({
    code: "QUORUM_UNMET",
    path: "checkpoint",
    detail: `the witnesses that cosigned are not the quorum of the policy: ${names === "" ? "none" : names}`,
  });
  return [];
}
