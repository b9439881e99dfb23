import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { batchPath, checkpointPath, tokenPath } from "../../../src/logs/layout.ts";
import type { ObjectLock } from "../../../src/logs/s3/client.ts";
import { keptResponse, readToken } from "../../../src/logs/timestamp/response.ts";
import type { StoreFiles } from "../store-model.ts";
import type { FixtureCase } from "./fixture-cases.ts";
import { withFile } from "./tamper.ts";

/** Rows 35 to 37, which a store alone does not show: an authority's tokens, and what a bucket says of its objects. */

/** Tokens of `openssl ts`, and the authority's certificate; made by the script there. */
const TOKENS = fileURLToPath(new URL("../../fixtures/timestamp", import.meta.url));

export function authorityFile(): Buffer {
  return readFileSync(join(TOKENS, "root.pem"));
}

/** An object's version, as a bucket lists it. */
export interface BucketVersion {
  readonly path: string;
  readonly versionId: string;
  readonly lastModified: string;
  /** What it holds: a file of the case, or of the intact store; null for a delete marker. */
  readonly body: string | null;
  readonly lock: ObjectLock | null;
}

/** The versions of a bucket, oldest first. */
export interface Bucket {
  /** Seconds for which every object must be locked that is never replaced; null where that is not asked. */
  readonly locked: number | null;
  readonly versions: readonly BucketVersion[];
}

export function tokenCases(store: StoreFiles, size: number): FixtureCase[] {
  const path = tokenPath(size);
  const stamped = (name: string, token: string, isRight = false): FixtureCase => ({
    row: 35,
    name,
    store: withFile(store, path, Buffer.from(keptResponse(readToken(readFileSync(join(TOKENS, token)))))),
    expected: isRight ? [] : [{ code: "TSR_INVALID", path }],
  });
  return [
    stamped("control-stamped", "right.tsr", true),
    stamped("stamp-of-other-data", "other-data.tsr"),
    stamped("stamp-of-another-purpose", "wrong-purpose.tsr"),
    stamped("stamp-of-another-chain", "other-chain.tsr"),
  ];
}

const DAY = 86_400;
const LOCKED = 30 * DAY;
const WRITTEN = Date.UTC(2025, 10, 23);

export function bucketCases(store: StoreFiles): FixtureCase[] {
  const [batch, checkpoint] = [batchPath(2), checkpointPath(3)];
  const lock = (days: number, mode = "COMPLIANCE"): ObjectLock => ({
    mode,
    until: WRITTEN + days * DAY * 1000,
  });
  const versions: BucketVersion[] = [...store.keys()].map((path, n) => ({
    path,
    versionId: `v${n}`,
    lastModified: new Date(WRITTEN).toISOString(),
    body: path,
    lock: path === "checkpoint" ? null : lock(31),
  }));
  const later = (path: string, body: string | null): BucketVersion => ({
    path,
    versionId: `v${versions.length}`,
    lastModified: new Date(WRITTEN + DAY * 1000).toISOString(),
    body,
    lock: null,
  });
  const relocked = (path: string, changed: ObjectLock | null) => (one: BucketVersion) =>
    one.path === path ? { ...one, lock: changed } : one;
  const named = (
    row: number,
    name: string,
    expected: FixtureCase["expected"],
    all: readonly BucketVersion[],
    files: StoreFiles = store,
  ): FixtureCase => ({ row, name, store: files, bucket: { locked: LOCKED, versions: all }, expected });
  return [
    named(36, "control-one-version-each", [], versions),
    named(
      36,
      "version-over-a-batch",
      [{ code: "OBJECT_SHADOWED", path: batch }],
      [...versions, { ...later(batch, "forged"), lock: lock(62) }],
      withFile(store, "forged", "{}\n"),
    ),
    named(
      36,
      "delete-marker",
      [{ code: "OBJECT_SHADOWED", path: checkpoint }],
      [...versions, later(checkpoint, null)],
    ),
    named(
      37,
      "locks-weak",
      [batchPath(0), batch, checkpoint].map((path) => ({ code: "LOCK_WEAK", path })),
      versions
        .map(relocked(batchPath(0), null))
        .map(relocked(batch, lock(29)))
        .map(relocked(checkpoint, lock(365, "GOVERNANCE"))),
    ),
  ];
}
