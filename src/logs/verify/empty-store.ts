import type { Files } from "../../platform/files.ts";
import { anchorsOf, soleOrigin } from "./asked-log.ts";
import type { Examination, Examined, WholeFacts } from "./examination.ts";
import type { Findings } from "./finding.ts";
import type { Inventory } from "./inventory.ts";
import { readKept } from "./kept.ts";
import { shorterThanTrust } from "./retired.ts";
import type { VerifyRequest } from "./verification.ts";

/** Whether nothing in a store is a file of the format. */
export function isEmpty({
  checkpoint,
  checkpoints,
  tiles,
  bundles,
  batches,
  sidecars,
  irregular,
}: Inventory): boolean {
  const numbers = checkpoints.length + tiles.size + bundles.full.size + bundles.partial.size;
  return !checkpoint && numbers + batches.length + sidecars.length + irregular.size === 0;
}

/** A store without a file of the format. An empty log is never intact. */
export function examineNothing(
  request: VerifyRequest,
  { files }: { readonly files: Files },
  findings: Findings,
): Examined {
  findings.add({ code: "LOG_EMPTY", detail: "the store holds nothing of a log" });
  const origin = soleOrigin(request);
  const kept = origin === undefined ? undefined : readKept(files, request.state, origin, request.trust);
  const anchored = [...(kept === undefined ? [] : [kept.checkpoint]), ...anchorsOf(request, origin)];
  const to = anchored.reduce((most, { size }) => Math.max(most, size), 0);
  if (to > 0) {
    findings.add({
      code: "TAIL_TRUNCATED",
      seq: 0,
      from: 0,
      to,
      detail: `leaves 0 to ${to - 1} are gone; the log signed them`,
    });
  }
  const shorter = shorterThanTrust(request.trust, origin, to);
  if (shorter !== undefined) findings.add(shorter);
  const whole: WholeFacts = {
    log: undefined,
    origin,
    size: 0,
    established: undefined,
    deep: true,
    newest: undefined,
    anchors: [],
    tokens: [],
    unestablished: [],
    timeline: { spans: [], pauses: [] },
    findings: findings.list(),
    counts: findings.counts(),
  };
  const examination: Examination = {
    range: { from: 0, to: 0 },
    whole,
    batches: { batches: 0, records: 0, bytes: 0, skipped: 0, findings: [], counts: {} },
    leaves: undefined,
    unread: { files: [], more: 0 },
  };
  return { examination, history: { current: undefined, cosigned: undefined }, kept };
}
