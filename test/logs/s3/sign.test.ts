import { beforeEach, describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import type { LogSigner } from "../../../src/logs/signer.ts";
import type { S3Bucket } from "../../../src/logs/s3/client.ts";
import { parseS3Location } from "../../../src/logs/s3/location.ts";
import { remoteStore } from "../../../src/logs/s3/remote-store.ts";
import { signLogs } from "../../../src/logs/sign/sign.ts";
import type { Files } from "../../../src/platform/files.ts";
import type { MemoryTree } from "../../support/memory-files.ts";
import { type Fault, faults, faulty, watchful } from "../sign/faults.ts";
import { inMemory, signParts, START, stoppedClock } from "../sign/parts.ts";
import { type ModelBatch, modelSigner, modelStore, summaryOf } from "../store-model.ts";
import { type MemoryBucket, memoryBucket, objectsOf } from "./memory-bucket.ts";

const LOCATION = parseS3Location("s3://bucket/log", "the store");
const DAY = 86_400;

interface Run {
  readonly files?: Files;
  readonly state?: string;
  readonly newInput?: boolean;
  readonly retention?: number;
  readonly signer?: LogSigner;
  readonly at?: number;
  readonly onWarning?: (text: string) => void;
}

/** Signs /d/a.log, two lines a batch. */
async function sign(tree: MemoryTree, bucket: S3Bucket, run: Run = {}) {
  const { state = "/state", newInput = false, retention, signer = modelSigner(), onWarning } = run;
  const memory = inMemory(tree);
  const clock = stoppedClock(run.at);
  const store = remoteStore(LOCATION, bucket, { state, retention }, clock);
  const request = {
    inputs: ["/d/a.log"],
    keyFiles: [],
    store,
    interval: 300,
    maxRecords: 2,
    newInput,
    follow: false,
    heartbeat: false,
    threads: { count: 2, from: 0 },
  };
  const parts = { ...memory, files: run.files ?? memory.files, clock, signers: [signer] as const };
  return signLogs(request, signParts(onWarning === undefined ? parts : { ...parts, onWarning }));
}

const input = (text: string): MemoryTree => new Map([["/d/a.log", Buffer.from(text)]]);
const batch = (text: string, time = START / 1000): ModelBatch => ({
  data: Buffer.from(text),
  from: time,
  to: time,
});
const THREE = [batch("1\n2\n"), batch("3\n4\n"), batch("5\n")];
const summary = (bucket: MemoryBucket) => summaryOf(objectsOf(bucket, "log"));
/** Keys that have more than one version, or a delete marker. */
const rewritten = ({ held }: MemoryBucket) => {
  const keys = held.map(({ key }) => key);
  return [...new Set(keys.filter((key, i) => keys.indexOf(key) < i || held[i]?.body === undefined))];
};

let bucket: MemoryBucket;
beforeEach(() => {
  bucket = memoryBucket();
});

describe("signing into a bucket", () => {
  test("writes what it writes into a directory, each object once", async () => {
    const tree = input("1\n2\n3\n4\n5\n");
    expect(await sign(tree, bucket)).toMatchObject({ size: 3, signed: { records: 5 } });
    expect(summary(bucket)).toEqual(summaryOf(await modelStore(THREE)));
    expect(rewritten(bucket)).toEqual(["log/checkpoint"]);
    const before = bucket.held.length;
    expect(await sign(tree, bucket)).toMatchObject({ size: 3, signed: { records: 0 } });
    expect(bucket.held).toHaveLength(before);
    expect([...tree.keys()].sort()).toEqual(["/d/a.log", "/state/state.json"]);
  });

  test("puts the batch before its leaf, the leaf before its tiles, the checkpoint under its size before the newest", async () => {
    await sign(input("1\n"), bucket);
    const puts = bucket.requests.filter((request) => request.startsWith("PUT ")).map((put) => put.slice(8));
    expect(puts).toEqual([
      "fleetsec/batch/000.jsonl",
      "fleetsec/hashes/000",
      "tile/entries/000.p/1",
      "tile/0/000.p/1",
      "fleetsec/checkpoint/1",
      "checkpoint",
    ]);
  });

  test("keeps partial tiles when the full one is there: nothing is ever removed", async () => {
    const lines = Array.from({ length: 2 * 257 }, (_, i) => `${i}\n`).join("");
    await sign(input(lines), bucket);
    const store = objectsOf(bucket, "log");
    for (const path of ["tile/0/000", "tile/0/000.p/255", "tile/entries/000.p/1", "tile/1/000.p/1"]) {
      expect(store.has(path)).toBe(true);
    }
    expect(rewritten(bucket)).toEqual(["log/checkpoint"]);
  });

  test("locks what is never replaced, for as long as it is told, and nothing else", async () => {
    await sign(input("1\n"), bucket, { retention: 365 * DAY });
    for (const { key, lock } of bucket.held) {
      const until = START + 365 * DAY * 1000;
      expect({ key, lock }).toEqual({
        key,
        lock: key === "log/checkpoint" ? undefined : { mode: "COMPLIANCE", until },
      });
    }
  });

  test("does not begin among other things, nor on a log of another key", async () => {
    bucket.overwrite("log/readme.txt", Buffer.from("mine"));
    await expect(sign(input("1\n"), bucket)).rejects.toMatchObject({ code: "input" });
    expect(bucket.held).toHaveLength(1);
    const other = memoryBucket();
    other.overwrite("logs/readme.txt", Buffer.from("a neighbour"));
    await sign(input("1\n"), other);
    const strange = sign(input("1\n"), other, { signer: modelSigner("other.example/log"), newInput: true });
    await expect(strange).rejects.toMatchObject({ code: "refused" });
  });
});

/** A bucket whose `at`th write goes wrong. */
function faultyBucket(at: number, { effect, killed }: Fault): S3Bucket & { reached(): boolean } {
  let writes = 0;
  return {
    ...bucket,
    async put(key, body, options) {
      writes += 1;
      if (writes < at || (writes > at && !killed)) return bucket.put(key, body, options);
      if (writes === at && effect) await bucket.put(key, body, options);
      throw new FleetsecError("unreachable", "the network is gone");
    },
    reached: () => writes >= at,
  };
}

describe("a run that ends too early", () => {
  const lines = "1\n2\n3\n4\n5\n";

  test.each(faults)(
    "at a request that %s costs no line, doubles none and makes no second root",
    async (_, fault) => {
      let writes = 0;
      for (let at = 1; writes === 0; at += 1) {
        bucket = memoryBucket();
        const tree = input(lines);
        const signer = watchful(modelSigner());
        const broken = faultyBucket(at, fault);
        const ended: unknown = await sign(tree, broken, { signer }).catch((error: unknown) => error);
        if (!broken.reached()) {
          writes = at - 1;
          continue;
        }
        expect(ended).toMatchObject({ code: "unreachable" });
        // much later, with more lines: what is begun is ended as it was begun
        tree.set("/d/a.log", Buffer.from(`${lines}6\n`));
        await sign(tree, bucket, { signer, at: START + 60_000 });
        expect(rewritten(bucket)).toEqual(["log/checkpoint"]);
        const signed = [...objectsOf(bucket, "log")].filter(([path]) => path.startsWith("fleetsec/batch/"));
        expect({ at, lines: Buffer.concat(signed.map(([, data]) => data)).toString() }).toEqual({
          at,
          lines: `${lines}6\n`,
        });
        expect(tree.has("/state/pending-batch")).toBe(false);
      }
      expect(writes).toBe(3 * 6);
    },
  );

  test.each(faults)("at a change of the signer's state that %s costs nothing either", async (_, fault) => {
    let writes = 0;
    for (let at = 1; writes === 0; at += 1) {
      bucket = memoryBucket();
      const tree = input(lines);
      const signer = watchful(modelSigner());
      const files = faulty(tree, at, fault);
      const ended: unknown = await sign(tree, bucket, { signer, files }).catch((error: unknown) => error);
      if (!files.reached()) {
        writes = at - 1;
        continue;
      }
      expect(ended).toMatchObject({ code: "io" });
      await sign(tree, bucket, { signer });
      expect({ at, store: summary(bucket) }).toEqual({ at, store: summaryOf(await modelStore(THREE)) });
      expect(rewritten(bucket)).toEqual(["log/checkpoint"]);
    }
    expect(writes).toBeGreaterThan(8);
  });

  test("is not gone on from where what it kept is damaged", async () => {
    const tree = input(lines);
    await sign(tree, faultyBucket(2, faults[2]?.[1] as Fault)).catch(() => {});
    const pending = tree.get("/state/pending-batch") ?? Buffer.of();
    expect(pending.toString()).toContain("1\n2\n");
    tree.set("/state/pending-batch", Buffer.from(pending.toString().replace("\n2\n", "\n3\n")));
    await expect(sign(tree, bucket)).rejects.toMatchObject({ code: "state" });
    tree.set("/state/pending-batch", pending);
    expect(await sign(tree, bucket)).toMatchObject({ size: 3 });
  });
});

describe("a second signer", () => {
  test("without the first one's state is told that it lacks it", async () => {
    await sign(input("1\n2\n"), bucket);
    const before = bucket.held.length;
    await expect(sign(input("3\n"), bucket)).rejects.toMatchObject({ code: "state" });
    expect(bucket.held).toHaveLength(before);
    // the control: what is new is signed on
    expect(await sign(input("3\n"), bucket, { newInput: true })).toMatchObject({ size: 2 });
  });

  test("at the same time never makes a second root: one of the two ends", async () => {
    const [one, two] = [input("1\n2\n"), input("1\n2\n")];
    await sign(one, bucket);
    await sign(two, bucket, { newInput: true });
    one.set("/d/a.log", Buffer.from("1\n2\n3\n"));
    two.set("/d/a.log", Buffer.from("1\n2\n4\n"));
    const ends = await Promise.allSettled([
      sign(one, bucket, { at: START + 1000 }),
      sign(two, bucket, { at: START + 2000 }),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(rewritten(bucket)).toEqual(["log/checkpoint"]);
  });

  test("is refused the batch that another one has begun, and takes it over when it is told to", async () => {
    for (const writes of [1, 2, 3, 4, 5]) {
      bucket = memoryBucket();
      await sign(input("1\n2\n3\n"), faultyBucket(writes + 1, faults[2]?.[1] as Fault)).catch(() => {});
      expect(bucket.held).toHaveLength(writes);
      const other = input("7\n");
      await expect(sign(other, bucket, { at: START + 9000 })).rejects.toMatchObject({ code: "refused" });
      expect(bucket.held).toHaveLength(writes);
      const warnings: string[] = [];
      const run = { at: START + 9000, newInput: true, onWarning: (text: string) => warnings.push(text) };
      expect(await sign(other, bucket, run)).toMatchObject({ size: 2 });
      expect(warnings).toEqual([expect.stringContaining("batch 0")]);
      expect(rewritten(bucket)).toEqual(["log/checkpoint"]);
      const store = objectsOf(bucket, "log");
      expect(String(store.get("fleetsec/batch/000.jsonl"))).toBe("1\n2\n");
      expect(String(store.get("fleetsec/batch/001.jsonl"))).toBe("7\n");
    }
  });

  test("does not go on where another one has signed since", async () => {
    const tree = input("1\n2\n");
    await sign(tree, bucket);
    await sign(input("7\n"), bucket, { newInput: true });
    tree.set("/d/a.log", Buffer.from("1\n2\n3\n"));
    await expect(sign(tree, bucket)).rejects.toMatchObject({ code: "state" });
  });
});

test("the newest checkpoint is replaced only where it is the one that was read", async () => {
  const tree = input("1\n");
  await sign(tree, bucket);
  const stale: S3Bucket = {
    ...bucket,
    put: async (key, body, options) => {
      if (typeof options.over === "object") bucket.overwrite(key, Buffer.from("someone else's"));
      return bucket.put(key, body, options);
    },
  };
  tree.set("/d/a.log", Buffer.from("1\n2\n"));
  await expect(sign(tree, stale)).rejects.toMatchObject({ code: "busy" });
  expect(bucket.held.at(-1)?.body?.toString()).toBe("someone else's");
});

test("a server that ignores If-None-Match is found out, and nothing more is signed there", async () => {
  const lax: S3Bucket = {
    ...bucket,
    put: async (key, body, options) => bucket.put(key, body, { ...options, over: "anything" }),
  };
  const tree = input("1\n2\n");
  await sign(tree, bucket);
  tree.set("/d/a.log", Buffer.from("1\n2\n3\n"));
  await expect(sign(tree, lax)).rejects.toMatchObject({ code: "refused" });
  expect(objectsOf(bucket, "log").has("fleetsec/batch/001.jsonl")).toBe(false);
  // the control
  expect(await sign(tree, bucket)).toMatchObject({ size: 2 });
});

test("a server without conditions on what is replaced is served too", async () => {
  const plain: S3Bucket = {
    ...bucket,
    put: async (key, body, options) =>
      typeof options.over === "object"
        ? { status: 501, headers: {}, body: Buffer.from("<Code>NotImplemented</Code>") }
        : bucket.put(key, body, options),
  };
  expect(await sign(input("1\n2\n3\n"), plain)).toMatchObject({ size: 2 });
});

test("an object that an interrupted run left without a lock is not passed off as locked", async () => {
  const tree = input("1\n");
  await sign(tree, faultyBucket(3, faults[2]?.[1] as Fault)).catch(() => {});
  await expect(sign(tree, bucket, { retention: 365 * DAY })).rejects.toMatchObject({ code: "refused" });
  expect(await sign(tree, bucket)).toMatchObject({ size: 1 });
});

test.each([
  [false, "refused"],
  [undefined, "signed"],
  [true, "signed"],
])("where a lock is asked for, and that the bucket has one is %s: %s", async (can, outcome) => {
  const locking = { ...memoryBucket(), canLock: () => Promise.resolve(can) };
  const signing = sign(input("1\n2\n"), locking, { retention: 30 * DAY });
  const ended = signing.then(
    () => "signed",
    (error: FleetsecError) => error.code,
  );
  expect(await ended).toBe(outcome);
  expect(locking.held.length > 0).toBe(outcome === "signed");
});
