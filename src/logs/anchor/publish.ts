import { FleetsecError } from "../../errors.ts";
import { CHECKPOINT } from "../layout.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { LogStore } from "../store.ts";
import { openCheckpoint, type SignedCheckpoint } from "../verify/signed-checkpoint.ts";
import type { Trust } from "../verify/trust.ts";
import type { HeldNote, PublishingPlace } from "./place.ts";

/** What became of a checkpoint at one place. */
export interface PlaceOutcome {
  /** As the user named it. */
  readonly place: string;
  /**
   * `present`: it was there before. `refused`: the place holds another one, which is left as it is.
   * `failed`: that could not be established.
   */
  readonly outcome: "published" | "present" | "refused" | "failed";
  /** Where it is. */
  readonly at?: string;
  /** Why not. */
  readonly detail?: string;
}

/**
 * The newest checkpoint of a store, where a key of the trust file signed it.
 * @throws FleetsecError `not-found`, and `input` where it is not to be believed
 */
export async function readNewest(
  store: Pick<LogStore, "name" | "read">,
  trust: Trust,
): Promise<SignedCheckpoint> {
  const path = `${store.name}/${CHECKPOINT}`;
  const note = await store.read(CHECKPOINT, MAX_NOTE_SIZE);
  if (note === undefined) {
    throw new FleetsecError("not-found", `${path} does not exist`, {
      hint: "name the store that logs sign --store was given, once it has signed",
    });
  }
  const opened = openCheckpoint(note, trust);
  if (!("code" in opened)) return opened;
  throw new FleetsecError("input", `${path} is no checkpoint to trust: ${opened.detail}`, {
    hint: "run fleetsec verify-logs on the store",
  });
}

/**
 * Publishes a checkpoint at every place; that one fails does not keep the others back.
 * @param judge holds it to what a place has already. @throws FleetsecError `refused` where that contradicts it
 */
export async function publishCheckpoint(
  checkpoint: SignedCheckpoint,
  places: readonly PublishingPlace[],
  judge: (held: readonly HeldNote[]) => Promise<void>,
): Promise<PlaceOutcome[]> {
  return Promise.all(
    places.map(async (place) => {
      try {
        await judge((await place.beside?.(checkpoint)) ?? []);
        return { place: place.source, ...(await place.publish(checkpoint)) };
      } catch (error) {
        if (!(error instanceof FleetsecError) || error.code === "interrupted" || error.code === "terminated")
          throw error;
        const outcome = error.code === "refused" ? "refused" : "failed";
        return { place: place.source, outcome, detail: error.message } as const;
      }
    }),
  );
}
