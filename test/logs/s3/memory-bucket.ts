import { createHash } from "node:crypto";
import { FleetsecError } from "../../../src/errors.ts";
import type { ObjectLock, S3Bucket } from "../../../src/logs/s3/client.ts";
import type { HttpAnswer } from "../../../src/platform/http.ts";
import type { StoreFiles } from "../store-model.ts";

export interface HeldVersion {
  readonly key: string;
  readonly versionId: string;
  /** A delete marker has none. */
  readonly body: Buffer | undefined;
  readonly lastModified: string;
  readonly lock: ObjectLock | undefined;
}

/** A bucket with versions, in memory; it does what VersityGW and Amazon do with the requests of ours. */
export interface MemoryBucket extends S3Bucket {
  /** Oldest first. */
  readonly held: HeldVersion[];
  /** Writes a version over what is there, whatever that is, as whoever has the key of the bucket may. */
  overwrite(key: string, body: Buffer | undefined, lock?: ObjectLock): void;
  /** Requests, as METHOD KEY. */
  readonly requests: string[];
}

const WRITTEN = Date.UTC(2026, 0, 1);

function answer(
  status: number,
  body: Buffer | string = "",
  headers: Record<string, string> = {},
): HttpAnswer {
  return { status, headers, body: Buffer.from(body) };
}

const fault = (status: number, code: string) => answer(status, `<Error><Code>${code}</Code></Error>`);

export function memoryBucket(objects: StoreFiles = new Map(), pageSize = 1000): MemoryBucket {
  const held: HeldVersion[] = [];
  const requests: string[] = [];
  const overwrite = (key: string, body: Buffer | undefined, lock?: ObjectLock): string => {
    const versionId = `v${held.length}`;
    const lastModified = new Date(WRITTEN + held.length * 1000).toISOString();
    held.push({ key, versionId, body, lastModified, lock });
    return versionId;
  };
  for (const [key, body] of objects) overwrite(key, body);
  const newest = (key: string) => held.findLast((one) => one.key === key);
  const etagOf = (body: Buffer) => `"${createHash("sha256").update(body).digest("hex")}"`;
  return {
    held,
    requests,
    overwrite,
    async *versions(prefix, most) {
      requests.push(`LIST ${prefix}`);
      const listed = held
        .filter(({ key }) => key.startsWith(prefix))
        .map(({ key, versionId, body, lastModified }) => ({
          key,
          versionId,
          lastModified,
          size: body?.length ?? Number.NaN,
          deleted: body === undefined,
          isLatest: newest(key)?.versionId === versionId,
        }))
        .toReversed()
        .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
      if (listed.length > most) throw new FleetsecError("unreachable", "without end");
      for (let at = 0; at < Math.max(1, listed.length); at += pageSize) {
        const next = listed[at + pageSize];
        yield {
          versions: listed.slice(at, at + pageSize),
          next: next === undefined ? undefined : { key: next.key, version: next.versionId },
        };
      }
    },
    async get(key, maxBytes, { version, range } = {}) {
      requests.push(`GET ${key}`);
      const found =
        version === undefined
          ? newest(key)
          : held.find((one) => one.key === key && one.versionId === version);
      if (found?.body === undefined) return fault(404, version === undefined ? "NoSuchKey" : "NoSuchVersion");
      const { body, versionId } = found;
      if (range !== undefined && range[0] >= body.length) return fault(416, "InvalidRange");
      const part = range === undefined ? body : body.subarray(range[0], range[1] + 1);
      return answer(range === undefined ? 200 : 206, part.subarray(0, maxBytes), {
        etag: etagOf(body),
        "x-amz-version-id": versionId,
      });
    },
    canLock: () => Promise.resolve(true),
    async lock(key, versionId) {
      requests.push(`LOCK ${key}`);
      return held.find((one) => one.key === key && one.versionId === versionId)?.lock;
    },
    async put(key, body, { over, lockedUntil }) {
      requests.push(`PUT ${key}`);
      const there = newest(key)?.body;
      const refused =
        (over === "nothing" && there !== undefined) ||
        (typeof over === "object" && (there === undefined || etagOf(there) !== over.etag));
      if (refused) return fault(412, "PreconditionFailed");
      const lock =
        lockedUntil === undefined ? undefined : { mode: "COMPLIANCE", until: lockedUntil.getTime() };
      const versionId = overwrite(key, Buffer.from(body), lock);
      return answer(200, "", { etag: etagOf(Buffer.from(body)), "x-amz-version-id": versionId });
    },
    failure: ({ status }, what) => new FleetsecError("unreachable", `${what}: ${status}`),
  };
}

/** The objects below a prefix, as they are read there: the newest version of each. */
export function objectsOf({ held }: MemoryBucket, prefix: string): StoreFiles {
  const newest = new Map(held.map(({ key, body }) => [key, body]));
  return new Map(
    [...newest].flatMap(([key, body]) =>
      key.startsWith(`${prefix}/`) && body !== undefined
        ? [[key.slice(prefix.length + 1), body] as const]
        : [],
    ),
  );
}
