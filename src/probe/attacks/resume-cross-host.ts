import { type Attack, inSessionOf } from "../attack.ts";
import { hostPort } from "../target.ts";
import { noBorrowedSessions } from "./fixes.ts";

/**
 * Listeners that share the keys of their tickets, or one cache of sessions, take over each other's:
 * whom a lax one lets in without a certificate, the strict one takes for verified.
 */
export const resumeCrossHost: Attack = {
  id: "resume-cross-host",
  title: "no certificate, in a session of another target",
  reference: "CVE-2025-23419, CVE-2025-23048, CVE-2025-68121",
  meaning: "a session from a listener that demands no certificate opens the one that does",
  fix: noBorrowedSessions,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  plan: async ({ others }) =>
    others.length === 0
      ? {
          outcome: "not-run",
          reason: "needs another host or port among the targets, to bring a session from",
        }
      : {
          attempts: others.map((at) => inSessionOf({ at }, `from ${hostPort(at.target)} at ${at.address}`)),
        },
};
