import type { S3Bucket } from "./client.ts";
import type { S3Location } from "./location.ts";
import type { ObjectVersion } from "./versions.ts";

/**
 * The objects at and below a place: the versions of each, newest first. A server that does not list
 * in the order of the keys may give one object twice.
 * @param most versions that are listed at most
 */
export async function* objectsIn(
  bucket: S3Bucket,
  { prefix }: Pick<S3Location, "prefix">,
  most: number,
): AsyncGenerator<readonly ObjectVersion[]> {
  const keys = new Map<string, ObjectVersion[]>();
  // the object itself, or what lies below it: not what only begins with the same letters
  const within = ({ key }: ObjectVersion) => prefix === "" || key === prefix || key.startsWith(`${prefix}/`);
  for await (const page of bucket.versions(prefix, most)) {
    for (const version of page.versions.filter(within)) {
      const versions = keys.get(version.key);
      if (versions === undefined) keys.set(version.key, [version]);
      else versions.push(version);
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

/** How a version, or a delete marker, hides what lies below it; undefined where nothing is hidden. */
export function shadowText([newest, ...older]: readonly ObjectVersion[]): string | undefined {
  if (newest === undefined || (older.length === 0 && !newest.deleted)) return undefined;
  const { deleted, versionId } = newest;
  const below = older.length;
  if (!deleted) return `version ${versionId} lies over ${below === 1 ? "another one" : `${below} others`}`;
  return `a delete marker hides ${below === 1 ? "its version" : `its ${below} versions`}`;
}
