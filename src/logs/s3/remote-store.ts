import { FleetsecError } from "../../errors.ts";
import { CHECKPOINT } from "../layout.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { RemoteStore } from "../sign/hold.ts";
import type { Clock } from "../../platform/platform.ts";
import type { S3Bucket } from "./client.ts";
import { objectsIn } from "./listing.ts";
import { keyOf, type S3Location } from "./location.ts";
import { s3Store } from "./store.ts";

/** What a run that was interrupted before its first checkpoint may have left. */
const BEGUN_STORE = /^(fleetsec|tile)\//;
/** Versions that are looked through at most: a log that is only begun has fewer. */
const MAX_LISTED = 100_000;

/**
 * A log in a bucket, to be signed.
 * @param state the directory that its signer keeps its state in, absolute
 */
export function remoteStore(
  location: S3Location,
  bucket: S3Bucket,
  { state, retention }: { readonly state: string; readonly retention: number | undefined },
  clock: Pick<Clock, "now" | "sleep">,
): RemoteStore {
  const store = s3Store(location, bucket, retention, clock);
  return {
    store,
    state,
    async requireLog() {
      if (retention !== undefined) await requireLock(location, bucket);
      const checkpoint = await store.read(CHECKPOINT, MAX_NOTE_SIZE);
      if (checkpoint !== undefined) return requireConditions(location, bucket, checkpoint);
      const start = location.prefix === "" ? 0 : location.prefix.length + 1;
      for await (const [newest] of objectsIn(bucket, location, MAX_LISTED)) {
        const path = newest?.key.slice(start) ?? "";
        if (path === "" || path === CHECKPOINT || BEGUN_STORE.test(path)) continue;
        throw new FleetsecError("input", `${location.source} holds other things than a log`, {
          hint: "name a prefix of the log's own with --store",
        });
      }
    },
  };
}

/**
 * That objects can be locked there, before the first of them is put and stays. A bucket that does not
 * tell, for want of a permission, say, refuses the first object itself.
 * @throws FleetsecError `refused`
 */
async function requireLock({ source }: S3Location, bucket: S3Bucket): Promise<void> {
  if ((await bucket.canLock()) !== false) return;
  throw new FleetsecError(
    "refused",
    `the bucket of ${source} has no Object Lock: nothing can be locked there`,
    {
      hint: "make the bucket with Object Lock, or sign without --retain and logs.retention",
    },
  );
}

/**
 * That the server keeps what it is told with If-None-Match: by an attempt to create what is there.
 * @throws FleetsecError `refused`
 */
async function requireConditions(location: S3Location, bucket: S3Bucket, checkpoint: Buffer): Promise<void> {
  const answer = await bucket.put(keyOf(location, CHECKPOINT), checkpoint, { over: "nothing" });
  if (answer.status === 412 || answer.status === 409) return;
  if (answer.status !== 200) throw bucket.failure(answer, `cannot write ${CHECKPOINT}`);
  throw new FleetsecError(
    "refused",
    `the server of ${location.source} replaces objects in spite of If-None-Match`,
    {
      hint: "two signers could overwrite each other's batches there: use a server that keeps conditional writes",
    },
  );
}
