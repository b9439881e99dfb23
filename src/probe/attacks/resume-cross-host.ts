import { type Attack, type Attempt, inSessionOf, type Other, type Plan, type Scene } from "../attack.ts";
import type { Identity } from "../identities/identity.ts";
import { hostPort } from "../target.ts";
import { noBorrowedSessions } from "./fixes.ts";
import { selfSignedLeaf } from "./self-signed.ts";

/**
 * Listeners that share the keys of their tickets, or one cache of sessions, take over each other's:
 * whom a lax one lets in, the strict one takes for verified. A certificate that is right for another
 * target and not for this one can be supplied.
 */
export const resumeCrossHost: Attack = {
  id: "resume-cross-host",
  title: "no certificate, in a session of another target",
  reference: "CVE-2025-23419, CVE-2025-23048, CVE-2025-68121",
  meaning: "a session from a listener that demands no certificate, or another one, opens the one that does",
  fix: noBorrowedSessions,
  weight: "required",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  plan: inSessions,
  async planWith(supplied, scene) {
    const plan = await inSessions(scene);
    if (!("attempts" in plan)) return plan;
    return { attempts: [...plan.attempts, ...scene.others.map(borrowing("the supplied one", supplied))] };
  },
};

async function inSessions({ others, forgery, families: [family] }: Scene): Promise<Plan> {
  if (others.length === 0) {
    return {
      outcome: "not-run",
      reason: "needs another host or port among the targets, to bring a session from",
    };
  }
  const forged = family === undefined ? undefined : await selfSignedLeaf(forgery, family);
  return {
    attempts: [
      ...others.map(borrowing("", undefined)),
      ...(forged === undefined ? [] : others.map(borrowing("a self-signed one", forged))),
    ],
  };
}

/** The session that another listener gives to a client of that identity. */
function borrowing(certificate: string, identity: Identity | undefined): (at: Other) => Attempt {
  const owner = certificate === "" ? "" : `, given to ${certificate}`;
  return (at) => inSessionOf({ identity, at }, `from ${hostPort(at.target)} at ${at.address}${owner}`);
}
