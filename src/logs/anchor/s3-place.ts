import type { Clock } from "../../platform/platform.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { Finding } from "../verify/finding.ts";
import { isPresent } from "./conflict.ts";
import { checkpointName } from "./name.ts";
import type { AnchorPlace, HeldNote } from "./place.ts";
import type { ObjectLock, S3Bucket } from "./s3-client.ts";
import type { ObjectVersion } from "./s3-versions.ts";

export interface S3Source {
  /** As the user named it. */
  readonly source: string;
  readonly bucket: string;
  /** Without a slash at its end; empty for the whole bucket. */
  readonly prefix: string;
}

/** A lock that ends sooner after the object was written protects nothing that an audit could find. */
export const MIN_RETENTION = 30 * 86_400;

/**
 * Checkpoints in a bucket, under Object Lock in COMPLIANCE mode: not even its owner can replace or
 * remove those before their time. What lies over a locked version is read and reported.
 * @param retention seconds for which a published checkpoint is locked
 */
export function s3Place(
  { source, prefix }: S3Source,
  bucket: S3Bucket,
  clock: Pick<Clock, "now">,
  retention: number,
): AnchorPlace {
  const findings: Finding[] = [];
  return {
    source,
    notes: () => notesIn(source, prefix, bucket, findings),
    findings: () => findings,
    async publish(checkpoint) {
      const key = [prefix, checkpointName(checkpoint)].filter((part) => part !== "").join("/");
      const at = `s3://${source.slice("s3://".length).split("/")[0]}/${key}`;
      const answer = await bucket.create(key, checkpoint.note, new Date(clock.now() + retention * 1000));
      if (answer.status === 412) {
        const held = await bucket.get(key, undefined, MAX_NOTE_SIZE);
        if (held.status !== 200) throw bucket.failure(held, `cannot read ${key}`);
        if (isPresent(held.body, checkpoint, at)) return { outcome: "present", at };
      }
      if (answer.status !== 200) throw bucket.failure(answer, `cannot write ${key}`);
      return { outcome: "published", at };
    },
  };
}

async function* notesIn(
  source: string,
  prefix: string,
  bucket: S3Bucket,
  findings: Finding[],
): AsyncGenerator<HeldNote> {
  const readOne = async ({ version, path, alone }: PlacedVersion): Promise<HeldNote> => {
    const [answer, lock] = await Promise.all([
      bucket.get(version.key, version.versionId, MAX_NOTE_SIZE),
      bucket.lock(version.key, version.versionId),
    ]);
    if (answer.status !== 200) throw bucket.failure(answer, `cannot read ${version.key}`);
    const weak = weakness(lock, version);
    if (weak !== undefined) {
      findings.push({ code: "LOCK_WEAK", path, detail: `version ${version.versionId} ${weak}` });
    }
    const at = alone ? path : `${path}?versionId=${version.versionId}`;
    return { source: at, bytes: answer.body, named: version.key === prefix };
  };
  let chunk: PlacedVersion[] = [];
  for await (const versions of byKey(bucket, prefix)) {
    const [newest, ...older] = versions;
    if (newest === undefined) continue;
    const path = `${source.replace(/^(s3:\/\/[^/]+).*$/, "$1")}/${newest.key}`;
    if (older.length > 0 || newest.deleted) findings.push(shadowed(path, newest, older.length));
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

/** The versions of each key, newest first. */
async function* byKey(bucket: S3Bucket, prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
  const keys = new Map<string, ObjectVersion[]>();
  // the object itself, or what lies below it: not what only begins with the same letters
  const within = ({ key }: ObjectVersion) => prefix === "" || key === prefix || key.startsWith(`${prefix}/`);
  for await (const page of bucket.versions(prefix)) {
    for (const version of page.versions.filter(within)) {
      keys.set(version.key, [...(keys.get(version.key) ?? []), version]);
    }
    // the versions of the last key may go on on the next page
    const last = [...keys.keys()].sort().at(-1);
    for (const [key, versions] of keys) {
      if (key === last && page.next !== undefined) continue;
      keys.delete(key);
      yield versions.toSorted(newestFirst);
    }
  }
}

function newestFirst(a: ObjectVersion, b: ObjectVersion): number {
  return Number(b.isLatest) - Number(a.isLatest) || b.lastModified.localeCompare(a.lastModified, "en");
}

function shadowed(path: string, { deleted, versionId }: ObjectVersion, below: number): Finding {
  return {
    code: "OBJECT_SHADOWED",
    path,
    detail: deleted
      ? `a delete marker hides ${below === 1 ? "its version" : `its ${below} versions`}`
      : `version ${versionId} lies over ${below === 1 ? "another one" : `${below} others`}`,
  };
}

/** What is wrong with the lock of a version; undefined where nothing is. */
function weakness(lock: ObjectLock | undefined, { lastModified }: ObjectVersion): string | undefined {
  if (lock === undefined) return "is not locked";
  if (lock.mode !== "COMPLIANCE") return `is locked in ${lock.mode} mode, which some may override`;
  if (lock.until - Date.parse(lastModified) >= MIN_RETENTION * 1000) return undefined;
  return `was locked for less than ${MIN_RETENTION / 86_400} days`;
}
