import type { Meet } from "./endpoint.ts";
import { isHungUpOn } from "./evidence.ts";
import type { Trace } from "./exchange.ts";
import type { Met } from "./tried.ts";
import type { Encounter } from "./verdict/judgement.ts";

/** All the time there is, in milliseconds: as much as any client is given. */
export const ALL_TIME: Trace["ms"] = {
  established: Number.POSITIVE_INFINITY,
  total: Number.POSITIVE_INFINITY,
};

/** Waits as long as is ever waited. */
export function patiently(meet: Meet): Meet {
  return async (client) => meet({ ...client, ms: ALL_TIME });
}

/** The same, and stays until it is hung up on. */
export function toTheClose(meet: Meet): Meet {
  return async (client) => meet({ ...client, ms: ALL_TIME, awaitsClose: true });
}

/** Whether those of whom it is not known yet were let in: who are met by silence, or by other words than valid clients. */
export interface LateDenials {
  /** Some were hung up on late, and valid clients were not: whoever is met then had better wait. */
  isKnown(): boolean;
  /** The encounter that decides: `met` itself, or the one that `again` made, with all the time there is. */
  decisive(met: Met, again: () => Promise<Met>): Promise<Met>;
}

/**
 * Where silence is all that valid clients are told, a client that is met by it may still be hung up on later; so may one
 * that is told something else than they are. The first that is left so is met again, for as long as is ever waited; where
 * it is hung up on then, so is each later one. Where valid clients are not kept for so long either, what was seen stands.
 * @param valid the valid client, with all that time
 * @param isKept whether it was kept, where the other one was hung up on
 */
export function lateDenials(
  valid: () => Promise<Encounter>,
  isKept: (valid: Trace, hungUpOn: Trace) => boolean,
): LateDenials {
  let control: Promise<Encounter> | undefined;
  let lead: Promise<Met> | undefined;
  let known = false;
  const wait = async (met: Met, again: () => Promise<Met>) => {
    const patient = await again();
    const { trace } = patient.encounter;
    if (!isHungUpOn(trace)) return met;
    control ??= valid();
    if (!isKept((await control).trace, trace)) return met;
    known = true;
    return patient;
  };
  return {
    isKnown: () => known,
    async decisive(met, again) {
      if (lead !== undefined) {
        await lead;
        return known ? wait(met, again) : met;
      }
      const waited = wait(met, again);
      lead = waited;
      return waited;
    },
  };
}
