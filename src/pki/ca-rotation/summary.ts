import type { Authority, CaGeneration } from "../authority.ts";
import { type CaSummary, summarize } from "../describe-ca.ts";
import { liveCertificates } from "./status.ts";

/** A CA generation in short. */
export interface GenerationSummary {
  readonly number: number;
  readonly root: CaSummary;
  readonly issuing: CaSummary;
  /** Whether certificates are issued from it. */
  readonly issues: boolean;
  /** How many of its certificates have neither ended nor been revoked. */
  readonly live: number;
}

export function summarizeGeneration(authority: Authority, ca: CaGeneration, now: number): GenerationSummary {
  return {
    number: ca.number,
    root: summarize(ca.root),
    issuing: summarize(ca.issuing),
    issues: ca === authority.current,
    live: liveCertificates(authority.inventory, [ca], now).length,
  };
}
