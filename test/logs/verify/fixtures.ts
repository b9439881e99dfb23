import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readStore, type StoreFiles, writeStore } from "../store-model.ts";
import {
  ANCHOR,
  type ExpectedFinding,
  type FixtureCase,
  fixtureCases,
  intactStore,
  TRUST,
} from "./fixture-cases.ts";
import { authorityFile, type Bucket } from "./fixture-outside.ts";
import { bytesAt } from "./tamper.ts";
import { NOW } from "./verifying.ts";

/** Tampered stores as files, for any implementation: docs/log-format.md says how they are read. */
export const FIXTURES = fileURLToPath(new URL("../../fixtures/logs", import.meta.url));

/** The certificate of the time-stamp authority to trust. */
export const AUTHORITY = "authority.pem";

/** Beside the files of a store in a bucket. */
const BUCKET = "bucket.json";

/** What is written beside a case's files. */
export interface StoredCase {
  readonly row: number;
  /** Paths of the intact store that are not in this one. */
  readonly removed: readonly string[];
  /** What the clock shows, in seconds since the epoch. */
  readonly now: number;
  /** How old the newest batch may be, in seconds; null where that is not asked. */
  readonly maxAge: number | null;
  /** Every finding. */
  readonly expected: readonly ExpectedFinding[];
}

/** Writes all of them anew. */
export async function writeFixtures(): Promise<void> {
  rmSync(FIXTURES, { recursive: true, force: true });
  const intact = await intactStore();
  writeStore(join(FIXTURES, "intact"), intact);
  writeFileSync(join(FIXTURES, "trust"), TRUST);
  writeFileSync(join(FIXTURES, ANCHOR), bytesAt(intact, "checkpoint"));
  writeFileSync(join(FIXTURES, AUTHORITY), authorityFile());
  for (const one of await fixtureCases()) writeCase(one, intact);
}

function writeCase(
  { row, name, store, expected, trust, maxAge, bucket }: FixtureCase,
  intact: StoreFiles,
): void {
  const folder = join(FIXTURES, `${String(row).padStart(2, "0")}-${name}`);
  mkdirSync(folder, { recursive: true });
  const changed = [...store].filter(([path, data]) => intact.get(path)?.equals(data) !== true);
  writeStore(join(folder, "files"), new Map(changed));
  const removed = [...intact.keys()].filter((path) => !store.has(path)).sort();
  const stored: StoredCase = { row, removed, now: NOW, maxAge: maxAge ?? null, expected };
  writeFileSync(join(folder, "case.json"), `${JSON.stringify(stored, null, 2)}\n`);
  if (trust !== undefined) writeFileSync(join(folder, "trust"), trust);
  if (bucket !== undefined) writeFileSync(join(folder, BUCKET), bucketText(bucket));
}

/** A version a line. */
function bucketText({ locked, versions }: Bucket): string {
  const lines = versions.map((version) => `    ${JSON.stringify(version)}`).join(",\n");
  return `{\n  "locked": ${locked},\n  "versions": [\n${lines}\n  ]\n}\n`;
}

export interface Fixture extends StoredCase {
  readonly name: string;
  readonly store: StoreFiles;
  readonly trust: Buffer;
  /** Undefined where the store is a directory. */
  readonly bucket: Bucket | undefined;
}

export function readIntact(): StoreFiles {
  return readStore(join(FIXTURES, "intact"));
}

/** Each as it is stored: the intact store with the case's files in place of its own, and without those removed. */
export function readFixtures(): Fixture[] {
  const intact = readIntact();
  const names = readdirSync(FIXTURES).filter((name) => existsSync(join(FIXTURES, name, "case.json")));
  return names.map((name) => {
    const folder = join(FIXTURES, name);
    const stored = JSON.parse(readFileSync(join(folder, "case.json"), "utf8")) as StoredCase;
    const store = new Map([...intact, ...readStore(join(folder, "files"))]);
    for (const path of stored.removed) store.delete(path);
    const own = join(folder, "trust");
    const bucket = join(folder, BUCKET);
    return {
      ...stored,
      name,
      store,
      trust: readFileSync(existsSync(own) ? own : join(FIXTURES, "trust")),
      bucket: existsSync(bucket) ? (JSON.parse(readFileSync(bucket, "utf8")) as Bucket) : undefined,
    };
  });
}
