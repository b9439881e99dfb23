import { FleetsecError } from "../../errors.ts";
import { CHECKPOINT, COSIGNED, parseStorePath } from "../layout.ts";
import type { Finding } from "../verify/finding.ts";
import type { StoreReader } from "../verify/store.ts";
import { errorCode, type S3Bucket } from "./client.ts";
import { lockFindings, type WrittenVersion } from "./judge-locks.ts";
import { objectsIn, shadowText } from "./listing.ts";
import { keyOf, type S3Location } from "./location.ts";
import { rangedFile } from "./ranged-file.ts";
import type { ObjectVersion } from "./versions.ts";

/** Versions that are listed at most: each object takes some 230 bytes of memory. */
const MAX_VERSIONS = 5_000_000;
/** Requests at a time. */
const ABREAST = 16;

/** What is replaced as the log grows: there the newest version counts, and older ones are no fault. */
const REPLACED: ReadonlySet<string> = new Set([CHECKPOINT, COSIGNED]);

/**
 * A store in a bucket, which is listed first. Of an object that is never replaced the oldest version
 * is read: it is the one that Object Lock keeps, whatever was put over it since.
 * @param locked seconds for which each object must have been locked; undefined for no matter
 */
export function s3Reader(location: S3Location, bucket: S3Bucket, locked: number | undefined): StoreReader {
  const objects = new Map<string, WrittenVersion>();
  const shadowed: Finding[] = [];
  const unreadable = new Map<string, string>();

  /** Notes an object's versions. @returns whether there is any that can be read */
  const note = (path: string, versions: readonly ObjectVersion[]): boolean => {
    const own = versions.filter(({ deleted }) => !deleted);
    const [newest] = versions;
    const fault = REPLACED.has(path) && newest?.deleted !== true ? undefined : shadowText(versions);
    if (fault !== undefined) shadowed.push({ code: "OBJECT_SHADOWED", path, detail: fault });
    const read = REPLACED.has(path) ? own[0] : own.at(-1);
    if (read === undefined) return false;
    if (!Number.isSafeInteger(read.size)) {
      throw new FleetsecError("unreachable", `${location.source} does not list the size of ${path}`);
    }
    // a copy: a part of the listing's text would keep all of it in memory
    const [versionId, lastModified] = [copyOf(read.versionId), copyOf(read.lastModified)];
    objects.set(copyOf(path), { versionId, lastModified, size: read.size });
    return true;
  };

  /** Bytes `from` to before `to` of an object; undefined where it cannot be read, which is remembered. */
  const fetch = async (path: string, { versionId, size }: WrittenVersion, from: number, to: number) => {
    if (from >= to) return Buffer.alloc(0);
    const whole = from === 0 && to === size;
    const answer = await bucket.get(keyOf(location, path), to - from, {
      version: versionId,
      ...(whole ? {} : { range: [from, to - 1] }),
    });
    const { status, body } = answer;
    if ((status === 206 || (status === 200 && whole)) && body.length === to - from) return body;
    const why = status < 300 ? `${body.length} of ${to - from} bytes came` : `${status} ${errorCode(answer)}`;
    unreadable.set(path, why.trimEnd());
    return undefined;
  };

  return {
    name: location.source,
    abreast: ABREAST,
    unreadable,
    async list(visit, pace) {
      const start = location.prefix === "" ? 0 : location.prefix.length + 1;
      for await (const versions of objectsIn(bucket, location, MAX_VERSIONS)) {
        await pace();
        const key = versions[0]?.key ?? "";
        const path = key.slice(start);
        // what the consoles make to show a folder
        if (path === "" && versions.every(({ size, deleted }) => size === 0 || deleted)) continue;
        if (objects.has(path)) {
          const detail = "it is listed twice: the server gives its versions in no order";
          shadowed.push({ code: "OBJECT_SHADOWED", path, detail });
        } else if (note(path, versions)) visit(path, "file");
      }
    },
    async judge(findings, pace) {
      for (const finding of shadowed) findings.add(finding);
      if (locked === undefined) return;
      const found = lockFindings(location, bucket, keptIn(objects), locked, pace);
      for await (const finding of found) findings.add(finding);
    },
    size: async (path) => objects.get(path)?.size,
    async read(path, maxBytes) {
      const object = objects.get(path);
      return object === undefined ? undefined : fetch(path, object, 0, Math.min(object.size, maxBytes + 1));
    },
    async withFile(path, use) {
      const object = objects.get(path);
      if (object === undefined) return undefined;
      const file = rangedFile(object.size, async (from, to) => {
        const bytes = await fetch(path, object, from, to);
        if (bytes === undefined) throw new UnreadError(path);
        return bytes;
      });
      try {
        return await use(file);
      } catch (error) {
        if (error instanceof UnreadError && error.path === path) return undefined;
        throw error;
      }
    },
  };
}

/** Ends the work on a file that cannot be read, which is remembered by then. */
class UnreadError extends Error {
  readonly path: string;
  constructor(path: string) {
    super(`${path} cannot be read`);
    this.path = path;
  }
}

/** What the log has for good: not what is replaced, nor what is none of it. */
function* keptIn(objects: ReadonlyMap<string, WrittenVersion>): Generator<readonly [string, WrittenVersion]> {
  for (const entry of objects) {
    if (!REPLACED.has(entry[0]) && parseStorePath(entry[0]) !== undefined) yield entry;
  }
}

function copyOf(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
