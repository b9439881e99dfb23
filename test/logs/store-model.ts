import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { formatCheckpoint } from "../../src/logs/checkpoint.ts";
import { batchPath, checkpointPath, hashesPath } from "../../src/logs/layout.ts";
import { formatLeaf, parseLeaf } from "../../src/logs/leaf.ts";
import { HASH_SIZE, leafHash, rootOf } from "../../src/logs/merkle.ts";
import { type LogSigner, localSigner, signNote } from "../../src/logs/signer.ts";
import { bundlePath, encodeBundle, parseBundle, tilePath, tilesOf } from "../../src/logs/tiles.ts";
import { verifierKey } from "../../src/logs/verifier-key.ts";

/**
 * What a store must hold, worked out plainly from the batches: every tile by its definition, nothing
 * grown or resumed. Tests compare it with what `logs sign` writes, and tamper with it.
 */

/** One batch: its file and its time, in seconds since the epoch. */
export interface ModelBatch {
  readonly data: Buffer;
  readonly from: number;
  readonly to: number;
}

/** Store-relative paths and what they hold. */
export type StoreFiles = Map<string, Buffer>;

/** An Ed25519 signer that is the same in every run. Tests only: its seed is the hash of a text. */
export function modelSigner(name = "fleet.internal/audit", seed = name): LogSigner {
  const privateKey = modelKey(seed);
  return localSigner(verifierKey(name, "ed25519", createPublicKey(privateKey)), privateKey);
}

/** That signer's private key. */
export function modelKey(name: string): KeyObject {
  const seed = createHash("sha256").update(name).digest();
  // RFC 8410: the PKCS#8 form of a seed
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** A P-256 signer, another one in every run: its signatures differ anyway. */
export function p256Signer(name = "fleet.internal/audit"): LogSigner {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return localSigner(verifierKey(name, "p256", publicKey), privateKey);
}

/** Records of a batch file: its lines without their newlines; the last may lack one. */
export function recordsOf(data: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let start = 0; start < data.length;) {
    const end = data.indexOf(0x0a, start);
    records.push(data.subarray(start, end < 0 ? data.length : end));
    start = end < 0 ? data.length : end + 1;
  }
  return records;
}

/** What a dishonest signer makes of a leaf. */
export type LeafEdit = (leaf: Buffer, seq: number) => Buffer;

/** The leaves of the log over these batches. */
export function leavesOf(batches: readonly ModelBatch[], edit: LeafEdit = (leaf) => leaf): Buffer[] {
  const leaves: Buffer[] = [];
  batches.forEach(({ data, from, to }, seq) => {
    const hashes = Buffer.concat(recordsOf(data).map(leafHash));
    const last = leaves.at(-1);
    const leaf = {
      seq,
      from,
      to,
      records: hashes.length / HASH_SIZE,
      bytes: data.length,
      sha256: createHash("sha256").update(data).digest("hex"),
      root: rootOf(hashes),
      prev: last === undefined ? undefined : createHash("sha256").update(last).digest("hex"),
    };
    leaves.push(edit(formatLeaf(leaf), seq));
  });
  return leaves;
}

/** Every file of the store after the last of these batches, with a checkpoint after each. */
export async function modelStore(
  batches: readonly ModelBatch[],
  signers: readonly LogSigner[] = [modelSigner()],
  edit?: LeafEdit,
): Promise<StoreFiles> {
  const files: StoreFiles = new Map();
  const leaves = leavesOf(batches, edit);
  const hashes = Buffer.concat(leaves.map(leafHash));
  for (const [seq, { data }] of batches.entries()) {
    files.set(batchPath(seq), data);
    files.set(hashesPath(seq), Buffer.concat(recordsOf(data).map(leafHash)));
    const size = seq + 1;
    for (const tile of tilesOf(size, seq)) {
      const span = 256 ** tile.level;
      const first = tile.index * 256;
      const nodes = Array.from({ length: tile.width }, (_, i) =>
        rootOf(hashes, (first + i) * span, (first + i + 1) * span),
      );
      files.set(tilePath(tile), Buffer.concat(nodes));
      if (tile.level === 0) {
        files.set(bundlePath(tile.index, tile.width), encodeBundle(leaves.slice(first, first + tile.width)));
      }
      // a full tile takes the place of its partial forms
      if (tile.width === 256) removePartials(files, tilePath(tile), bundlePath(tile.index, 256));
    }
    const origin = signers[0]?.key.name ?? "";
    const text = formatCheckpoint({ origin, size, root: rootOf(hashes, 0, size) });
    const note = Buffer.from(await signNote(text, signers));
    files.set(checkpointPath(size), note);
    files.set("checkpoint", note);
  }
  return files;
}

function removePartials(files: StoreFiles, ...full: readonly string[]): void {
  for (const path of files.keys()) if (full.some((tile) => path.startsWith(`${tile}.p/`))) files.delete(path);
}

/** The batches of a store, with the times that its leaves state. */
export function batchesOf(files: StoreFiles): ModelBatch[] {
  const sequence = [...files.keys()]
    .filter((path) => path.startsWith("fleetsec/batch/"))
    .map((_, seq) => seq);
  const size = sequence.length;
  const bundles = Array.from({ length: Math.ceil(size / 256) }, (_, index) => {
    const width = Math.min(256, size - index * 256);
    return parseBundle(files.get(bundlePath(index, width)) ?? Buffer.of(), width);
  });
  return bundles
    .flat()
    .map((leaf, seq) => ({ ...parseLeaf(leaf), data: files.get(batchPath(seq)) ?? Buffer.of() }));
}

/** Writes the files of a store into `directory`. */
export function writeStore(directory: string, files: StoreFiles): void {
  for (const [path, data] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), data);
  }
}

/** Every file below `directory`, to compare with a model. */
export function readStore(directory: string): StoreFiles {
  if (!existsSync(directory)) return new Map();
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(directory.length + 1), readFileSync(path)]));
}

/**
 * A store as an object that `toEqual` compares quickly and shows readably: comparing maps of buffers
 * takes it minutes.
 */
export function summaryOf(files: StoreFiles): Record<string, string> {
  const show = (data: Buffer) =>
    data.length <= 1000 ? data.toString("latin1") : createHash("sha256").update(data).digest("hex");
  return Object.fromEntries(
    [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, data]) => [path, show(data)]),
  );
}

/** Any bytes without a newline: an event, another JSON value, nothing, text, noise. */
export const recordArbitrary: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 6, arbitrary: fc.nat(1_000_000).map((n) => Buffer.from(JSON.stringify(eventOf(n)))) },
    { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
    { weight: 1, arbitrary: fc.string({ maxLength: 40 }).map((text) => Buffer.from(`${text}\r`)) },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    },
  )
  .map((record) => Buffer.from(record.map((byte) => (byte === 0x0a ? 0x20 : byte))));

/** Batches as a signer could have taken them in: times never go back, any of them may be empty. */
export const batchesArbitrary: fc.Arbitrary<ModelBatch[]> = fc
  .array(
    fc.record({
      records: fc.array(recordArbitrary, { maxLength: 12 }),
      // the last line of an input may lack its newline
      unterminated: fc.boolean(),
      idle: fc.nat(600),
      open: fc.nat(300),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((drafts) => {
    let time = 1_763_850_000;
    return drafts.map(({ records, unterminated, idle, open }) => {
      const lines = Buffer.concat(records.flatMap((record) => [record, Buffer.from("\n")]));
      const cut = unterminated && (records.at(-1)?.length ?? 0) > 0 ? 1 : 0;
      const from = time + idle;
      time = from + open;
      return { data: lines.subarray(0, lines.length - cut), from, to: time };
    });
  });

/** The `n`th of an endless row of events. The same `n` gives the same event. */
export function eventOf(n: number): Record<string, unknown> {
  const pick = <T>(list: readonly T[], salt: number): T =>
    list[Math.abs(Math.imul(n + salt, 2_654_435_761) >> 5) % list.length] as T;
  const type = pick(["authentication", "authorization", "command", "telemetry_transform", "alert"], 1);
  const event = {
    timestamp: new Date(1_763_850_000_000 + n * 37).toISOString(),
    service: pick(["gateway", "tms-connector", "dispatch", "opa"], 2),
    event_type: type,
    request_id: `req-${n.toString(16).padStart(12, "0")}`,
    identity: {
      subject: `spiffe://fleet.internal/vehicle/${pick([101, 117, 204, 311], 3)}`,
      serial: (n * 7919).toString(16).padStart(16, "0"),
      roles: [pick(["fleet-edge", "tms-connector", "operator"], 4)],
    },
  };
  if (type === "authorization") {
    const decision = pick(["allow", "deny"], 5);
    return { ...event, policy_id: "dispatch/v3", decision, reason: `${decision} by rule ${n % 17}` };
  }
  if (type === "command") {
    return {
      ...event,
      command: pick(["assign_load", "hold", "reroute", "release"], 6),
      requested_by: pick(["dispatcher@fleet.internal", "planner@fleet.internal"], 7),
      vehicles: [`truck-${n % 40}`],
      approvals: n % 3 === 0 ? ["shift-lead@fleet.internal"] : [],
    };
  }
  return event;
}
