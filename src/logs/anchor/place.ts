import type { SignedCheckpoint } from "../verify/signed-checkpoint.ts";
import type { Finding } from "../verify/finding.ts";

/** What a place holds under some name: a checkpoint's note, until it turns out to be none. */
export interface HeldNote {
  /** Where it is, for a person. */
  readonly source: string;
  readonly bytes: Uint8Array;
  /** Whether the user named this very note, and not a place that may hold those of other logs too. */
  readonly named: boolean;
}

/**
 * Somewhere outside the store where signed checkpoints are kept. In a place that holds many, that of
 * a log at some size lies under `checkpointName`, and is never replaced.
 */
export interface AnchorPlace {
  /** As the user named it. */
  readonly source: string;
  /**
   * Every note of the place.
   * @throws FleetsecError `not-found`, `input`; `unreachable` where it cannot be established
   */
  notes(): AsyncIterable<HeldNote>;
  /**
   * Keeps a checkpoint there. What is there already is left as it is.
   * @throws FleetsecError `refused` where the place holds another checkpoint of that log and size, or
   *   can hold one only and that is newer
   */
  publish(checkpoint: SignedCheckpoint): Promise<Published>;
  /** What is there of that log: the newest, as many as `newestSizes` takes. */
  beside(checkpoint: SignedCheckpoint): Promise<readonly HeldNote[]>;
  /** What `notes` came across that speaks against the place: once it has ended. */
  readonly findings?: () => readonly Finding[];
}

/** What publishing needs of a place; one that keeps nothing itself has nothing to compare with. */
export type PublishingPlace = Pick<AnchorPlace, "source" | "publish"> & Partial<Pick<AnchorPlace, "beside">>;

export interface Published {
  readonly outcome: "published" | "present";
  /** Where it is, for a person. */
  readonly at: string;
}

/** A place that holds more files than any log has checkpoints is not read to its end. */
export const MAX_ANCHORS = 1_000_000;

/** A checkpoint that is published is compared with so many of those that the place has. */
const MAX_BESIDE = 8;

/** Of the names in a log's folder those of the newest checkpoints, newest first. */
export function newestSizes(names: Iterable<string>): string[] {
  let newest: string[] = [];
  for (const name of names) {
    if (!/^(0|[1-9]\d{0,15})$/.test(name)) continue;
    newest = [...newest, name].toSorted((a, b) => Number(b) - Number(a)).slice(0, MAX_BESIDE);
  }
  return newest;
}
