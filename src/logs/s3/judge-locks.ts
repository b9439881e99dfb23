import type { Finding } from "../verify/finding.ts";
import { inOrder } from "../verify/in-order.ts";
import type { S3Bucket } from "./client.ts";
import { keyOf, type S3Location } from "./location.ts";
import { lockWeakness } from "./lock.ts";

/** A version of an object that is read. */
export interface WrittenVersion {
  readonly versionId: string;
  /** As the server wrote it. */
  readonly lastModified: string;
  /** Bytes. */
  readonly size: number;
}

/** Requests at a time. */
const ABREAST = 16;
/** Findings that are given one by one: where a bucket has no lock at all, they are as many as its objects. */
const MAX_SINGLE = 20;

/**
 * The objects that are not locked in COMPLIANCE mode for long enough.
 * @param least seconds from when each was written
 * @throws FleetsecError `unreachable` where that cannot be established
 */
export async function* lockFindings(
  location: S3Location,
  bucket: S3Bucket,
  objects: Iterable<readonly [string, WrittenVersion]>,
  least: number,
  pace: () => Promise<void>,
): AsyncGenerator<Finding> {
  let weak = 0;
  const read = inOrder(objects, ABREAST, async ([path, { versionId, lastModified }]) => {
    const weakness = lockWeakness(await bucket.lock(keyOf(location, path), versionId), lastModified, least);
    return weakness === undefined ? undefined : `version ${versionId} ${weakness}`;
  });
  for await (const [[path], detail] of read) {
    await pace();
    if (detail === undefined) continue;
    weak += 1;
    if (weak <= MAX_SINGLE) yield { code: "LOCK_WEAK", path, detail };
  }
  if (weak > MAX_SINGLE)
    yield { code: "LOCK_WEAK", detail: `${weak - MAX_SINGLE} more objects are locked no better` };
}
