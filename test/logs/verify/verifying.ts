import { FleetsecError } from "../../../src/errors.ts";
import { formatVerifierKey } from "../../../src/logs/verifier-key.ts";
import type { Anchor } from "../../../src/logs/verify/anchors.ts";
import type { Finding } from "../../../src/logs/verify/finding.ts";
import { openCheckpoint } from "../../../src/logs/verify/signed-checkpoint.ts";
import { digestTask } from "../../../src/logs/verify/digest-batch.ts";
import { openTask } from "../../../src/logs/verify/open-checkpoints.ts";
import { parseTrust, type Trust } from "../../../src/logs/verify/trust.ts";
import type { Verification, VerifyRequest } from "../../../src/logs/verify/verification.ts";
import { verifyLog, type VerifyParts } from "../../../src/logs/verify/verify.ts";
import type { Files } from "../../../src/platform/files.ts";
import type { LogSigner } from "../../../src/logs/signer.ts";
import { inlineThreads, type Task } from "../../support/threads.ts";
import { eventOf, type ModelBatch, modelSigner, type StoreFiles } from "../store-model.ts";
import { memoryFiles } from "./memory-files.ts";

/** The time that the tests' clock shows, in seconds since the epoch. */
export const NOW = 1_763_900_000;

export function trustIn(...signers: readonly LogSigner[]): Trust {
  return parseTrust(Buffer.from(signers.map(({ key }) => `${formatVerifierKey(key)}\n`).join("")), "log.pub");
}

const MODEL_TRUST = trustIn(modelSigner());

/** The checkpoint of a store as an anchor that an auditor holds. */
export function anchorIn(store: StoreFiles, path = "checkpoint", trust = MODEL_TRUST): Anchor {
  const bytes = store.get(path) ?? Buffer.of();
  const opened = openCheckpoint(bytes, trust);
  if ("code" in opened) throw new Error(`${path}: ${opened.detail}`);
  const { origin, size, root, note } = opened;
  return { kind: "file", source: "anchor.txt", origin, size, root, note: () => note };
}

export interface Circumstances {
  /** The auditor's state, by file name; it is written to. */
  readonly kept?: StoreFiles;
  /** A file of the store that the operating system does not let us read. */
  readonly unreadable?: string;
  /** One that goes away after the store was listed. */
  readonly gone?: string;
  /** What the clock shows, in seconds since the epoch; else `NOW`. */
  readonly now?: number;
  readonly signal?: AbortSignal;
}

export type Asked = Partial<VerifyRequest> & Circumstances;

/** Verifies a store in memory. */
export async function verifyFiles(store: StoreFiles, asked: Asked = {}): Promise<Verification> {
  return verifyLog(requestFor(asked), partsFor(store, asked));
}

const CIRCUMSTANCES = ["kept", "unreadable", "gone", "now", "signal"];

/** What is asked of a verification in a test, unless it says otherwise. */
export function requestFor(asked: Asked): VerifyRequest {
  const rest = Object.entries(asked).filter(([name]) => !CIRCUMSTANCES.includes(name));
  return {
    store: "/store",
    leaves: "batches",
    trust: MODEL_TRUST,
    anchors: [],
    state: "/state",
    since: undefined,
    until: undefined,
    maxAge: undefined,
    deepUpTo: Number.POSITIVE_INFINITY,
    threads: { count: 2, from: 0 },
    allowUnanchored: false,
    ...(Object.fromEntries(rest) as Partial<VerifyRequest>),
  };
}

/** The outside, in memory. */
export function partsFor(
  store: StoreFiles,
  { kept, unreadable, gone, now = NOW, signal }: Circumstances,
): VerifyParts {
  let ticks = 0;
  const at = (folder: string, files: StoreFiles) =>
    [...files].map(([path, data]) => [`/${folder}/${path}`, data] as const);
  const files = memoryFiles(new Map([...at("store", store), ...at("state", kept ?? new Map())]));
  const watched: Files = {
    ...files,
    open: (path) => {
      if (path === `/store/${unreadable}`) throw new FleetsecError("permission", `no permission for ${path}`);
      if (path === `/store/${gone}`) throw new FleetsecError("not-found", `no file ${path}`);
      return files.open(path);
    },
    write: (path, data, options) => {
      files.write(path, data, options);
      kept?.set(path.slice("/state/".length), Buffer.from(data));
    },
  };
  return {
    files: watched,
    threads: inlineThreads({
      "digest-batches": digestTask(watched) as Task,
      "open-checkpoints": openTask(watched) as Task,
    }),
    locks: { hold: (_directory, work) => work() },
    clock: { now: () => now * 1000, monotonic: () => (ticks += 1000), sleep: async () => {} },
    signal: signal ?? new AbortController().signal,
    progress: () => {},
  };
}

/** What tests compare of a finding: its code and its place. */
export function places(findings: readonly Finding[]): Partial<Finding>[] {
  return findings.map(({ code, seq, line, offset, path }) =>
    Object.fromEntries(
      Object.entries({ code, seq, line, offset, path }).filter(([, value]) => value !== undefined),
    ),
  );
}

/** Batches of so many events each, a minute apart. */
export function batchesOf(batches: number, records: number): ModelBatch[] {
  return Array.from({ length: batches }, (_, seq) => {
    const lines = Array.from({ length: records }, (_line, i) => JSON.stringify(eventOf(seq * records + i)));
    const from = 1_763_850_000 + seq * 60;
    return { data: Buffer.from(lines.map((line) => `${line}\n`).join("")), from, to: from + 60 };
  });
}
