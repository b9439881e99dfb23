import type { BatchLeaf } from "../leaf.ts";
import type { Event } from "../lint/event.ts";
import { paceOf } from "../verify/pace.ts";
import { directoryReader } from "../verify/store.ts";
import { anchoredSize, type Verification, type VerifyRequest } from "../verify/verification.ts";
import { verifyLog, type VerifyParts } from "../verify/verify.ts";
import { textFilter } from "./text-filter.ts";
import { type BatchEvents, eventsIn, type TracedEvent } from "./verified-events.ts";

/** A log that was verified, and whose verified batches can be searched. */
export interface VerifiedLog {
  /** Not established any more once a batch turns out to have changed since: what is not found may have been there. */
  readonly verification: Verification;
  /** Batches that are not verified, or have changed since: nothing of them is found. */
  readonly excluded: ReadonlySet<number>;
  /** Whether a verdict may rest on a batch: an anchor has it, or none need have. */
  readonly covers: (seq: number) => boolean;
  /**
   * Shows the events that are wanted, in the order of the log, until `visit` says that it has enough.
   * @param needles of which their records contain one as it is, or with escapes; none: any record may be wanted
   * @returns how many records, as far as it went, may be wanted and cannot be read as events
   */
  each(
    needles: readonly string[],
    wanted: (event: Event) => boolean,
    visit: (found: TracedEvent) => boolean,
  ): Promise<number>;
  /** The first `limit` of them. */
  find(needles: readonly string[], wanted: (event: Event) => boolean, limit: number): Promise<BatchEvents>;
}

/** @throws FleetsecError where the store cannot be read at all */
export async function openVerified(request: VerifyRequest, parts: VerifyParts): Promise<VerifiedLog> {
  const leaves: BatchLeaf[] = [];
  let verification = await verifyLog(request, { ...parts, onIntact: (leaf) => leaves.push(leaf) });
  const intact = new Set(leaves.map(({ seq }) => seq));
  const size = verification.log?.size ?? 0;
  const excluded = new Set<number>();
  for (let seq = 0; seq < size; seq += 1) if (!intact.has(seq)) excluded.add(seq);
  const { store } = request;
  const reader = typeof store === "string" ? directoryReader(parts.files, store) : store;
  const pace = paceOf(parts.clock, parts.signal);
  const each: VerifiedLog["each"] = async (needles, wanted, visit) => {
    const filter = textFilter(needles);
    let unread = 0;
    for (const leaf of leaves) {
      await pace();
      const found = await eventsIn(reader, leaf, filter, wanted, pace);
      unread += found?.unread ?? 0;
      if (found === undefined) {
        excluded.add(leaf.seq);
        verification = changed(verification);
      } else if (!found.events.every(visit)) break;
    }
    return unread;
  };
  return {
    get verification() {
      return verification;
    },
    excluded,
    covers: (seq) => request.allowUnanchored || seq < anchoredSize(verification),
    each,
    async find(needles, wanted, limit) {
      const events: TracedEvent[] = [];
      const unread = await each(needles, wanted, (event) => events.push(event) < limit);
      return { events, unread };
    },
  };
}

const CHANGED = "the log changed while it was read";

function changed(verification: Verification): Verification {
  const { verdict, unestablished } = verification;
  if (verdict === "altered" || unestablished.includes(CHANGED)) return verification;
  return {
    ...verification,
    verdict: "not-established",
    ok: false,
    unestablished: [...unestablished, CHANGED],
  };
}
