import type { Clock } from "../../platform/platform.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { Finding } from "../verify/finding.ts";
import { isPresent } from "./conflict.ts";
import { checkpointName, folderName } from "./name.ts";
import { type AnchorPlace, type HeldNote, MAX_ANCHORS, newestSizes } from "./place.ts";
import type { S3Bucket } from "../s3/client.ts";
import { objectsIn, shadowText } from "../s3/listing.ts";
import { keyOf, type S3Location, urlOf } from "../s3/location.ts";
import { lockWeakness, MIN_RETENTION } from "../s3/lock.ts";
import type { ObjectVersion } from "../s3/versions.ts";
import type { SignedCheckpoint } from "../verify/signed-checkpoint.ts";

/**
 * Checkpoints in a bucket, under Object Lock in COMPLIANCE mode: not even its owner can replace or
 * remove those before their time. What lies over a locked version is read and reported.
 * @param retention seconds for which a published checkpoint is locked
 */
export function s3Place(
  location: S3Location,
  bucket: S3Bucket,
  clock: Pick<Clock, "now">,
  retention: number,
): AnchorPlace {
  const findings: Finding[] = [];
  return {
    source: location.source,
    notes: () => notesIn(location, bucket, findings),
    findings: () => findings,
    beside: (checkpoint) => besideIn(location, bucket, checkpoint),
    async publish(checkpoint) {
      const key = keyOf(location, checkpointName(checkpoint));
      const at = urlOf(location, key);
      const lockedUntil = new Date(clock.now() + retention * 1000);
      const answer = await bucket.put(key, checkpoint.note, { over: "nothing", lockedUntil });
      if (answer.status === 412) {
        const held = await bucket.get(key, MAX_NOTE_SIZE);
        if (held.status !== 200) throw bucket.failure(held, `cannot read ${key}`);
        if (isPresent(held.body, checkpoint, at)) return { outcome: "present", at };
      }
      if (answer.status !== 200) throw bucket.failure(answer, `cannot write ${key}`);
      return { outcome: "published", at };
    },
  };
}

/** The newest checkpoints of the log: of each the version that was put first, which its lock keeps. */
async function besideIn(
  location: S3Location,
  bucket: S3Bucket,
  checkpoint: SignedCheckpoint,
): Promise<HeldNote[]> {
  const prefix = keyOf(location, folderName(checkpoint));
  const first = new Map<string, ObjectVersion>();
  for await (const versions of objectsIn(bucket, { prefix }, MAX_ANCHORS)) {
    const oldest = versions.findLast(({ deleted }) => !deleted);
    if (oldest !== undefined) first.set(oldest.key.slice(prefix.length + 1), oldest);
  }
  return Promise.all(
    newestSizes(first.keys()).map(async (name) => {
      const { key, versionId } = first.get(name) as ObjectVersion;
      const answer = await bucket.get(key, MAX_NOTE_SIZE, { version: versionId });
      if (answer.status !== 200) throw bucket.failure(answer, `cannot read ${key}`);
      return { source: urlOf(location, key), bytes: answer.body, named: false };
    }),
  );
}

async function* notesIn(
  location: S3Location,
  bucket: S3Bucket,
  findings: Finding[],
): AsyncGenerator<HeldNote> {
  const readOne = async ({ version, path, alone }: PlacedVersion): Promise<HeldNote> => {
    const [answer, lock] = await Promise.all([
      bucket.get(version.key, MAX_NOTE_SIZE, { version: version.versionId }),
      bucket.lock(version.key, version.versionId),
    ]);
    if (answer.status !== 200) throw bucket.failure(answer, `cannot read ${version.key}`);
    const weak = lockWeakness(lock, version.lastModified, MIN_RETENTION);
    if (weak !== undefined) {
      findings.push({ code: "LOCK_WEAK", path, detail: `version ${version.versionId} ${weak}` });
    }
    const at = alone ? path : `${path}?versionId=${version.versionId}`;
    return { source: at, bytes: answer.body, named: version.key === location.prefix };
  };
  let chunk: PlacedVersion[] = [];
  for await (const versions of objectsIn(bucket, location, MAX_ANCHORS)) {
    const [newest] = versions;
    if (newest === undefined) continue;
    const path = urlOf(location, newest.key);
    const shadow = shadowText(versions);
    if (shadow !== undefined) findings.push({ code: "OBJECT_SHADOWED", path, detail: shadow });
    const alone = versions.length === 1;
    chunk.push(...versions.filter(({ deleted }) => !deleted).map((version) => ({ version, path, alone })));
    if (chunk.length < PARALLEL) continue;
    yield* await Promise.all(chunk.map(readOne));
    chunk = [];
  }
  yield* await Promise.all(chunk.map(readOne));
}

/** Versions that are read at a time. */
const PARALLEL = 16;

interface PlacedVersion {
  readonly version: ObjectVersion;
  readonly path: string;
  /** Whether its key has no other. */
  readonly alone: boolean;
}
