import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { formatConsistency, parseConsistency } from "../../../src/logs/proof/consistency-file.ts";
import { findRequest, openLog, proveConsistency, proveRecord } from "../../../src/logs/proof/prove.ts";
import { formatOpening, parseOpening } from "../../../src/logs/proof/record-opening.ts";
import { formatTlogProof, parseTlogProof } from "../../../src/logs/proof/tlog-proof.ts";
import { verifyProof } from "../../../src/logs/proof/verify-proof.ts";
import { formatVerifierKey } from "../../../src/logs/verifier-key.ts";
import { parseTrust } from "../../../src/logs/verify/trust.ts";
import { directoryReader } from "../../../src/logs/verify/store.ts";
import {
  batchesArbitrary,
  eventOf,
  leavesOf,
  modelSigner,
  modelStore,
  recordsOf,
  type StoreFiles,
} from "../store-model.ts";
import { memoryFiles } from "../verify/memory-files.ts";
import { change, without } from "../verify/tamper.ts";
import { batchesOf, NOW, trustIn } from "../verify/verifying.ts";

const trust = trustIn(modelSigner());

function logOf(store: StoreFiles, size?: number) {
  const files = memoryFiles(new Map([...store].map(([path, data]) => [`/s/${path}`, data])));
  return openLog(directoryReader(files, "/s"), () => Promise.resolve(), size);
}

function verify(proof: Buffer, old?: Buffer) {
  return verifyProof({ proof, trust, old, now: NOW });
}

let store: StoreFiles;
beforeAll(async () => {
  store = await modelStore(batchesOf(5, 9));
});

describe("a record's proof", () => {
  test("holds for every record of every log, and names it", async () => {
    await fc.assert(
      fc.asyncProperty(batchesArbitrary, fc.nat(), async (batches, pick) => {
        const model = await modelStore(batches);
        const log = await logOf(model);
        const places = batches.flatMap(({ data }, seq) =>
          recordsOf(data).map((record, i) => ({ seq, line: i + 1, record })),
        );
        const place = places[pick % Math.max(1, places.length)];
        if (place === undefined) return;
        const verdict = verify(await proveRecord(log, place));
        expect(verdict).toMatchObject({ ok: true, findings: [], log: { size: batches.length } });
        expect(verdict.record).toMatchObject({ seq: place.seq, line: place.line });
        expect(verdict.record?.bytes.equals(place.record)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("holds at an older checkpoint, and not beyond it", async () => {
    const log = await logOf(store, 3);
    expect(verify(await proveRecord(log, { seq: 2, line: 9 }))).toMatchObject({ ok: true, log: { size: 3 } });
    await expect(proveRecord(log, { seq: 3, line: 1 })).rejects.toMatchObject({ code: "not-found" });
    await expect(logOf(store, 17)).rejects.toThrow(FleetsecError);
  });

  test("would be smaller than 4 kB in a log of any size", async () => {
    const { length } = await proveRecord(await logOf(store), { seq: 4, line: 9 });
    // 27 more hashes of 45 bytes do for 2^30 batches; 13, in base64 once more, for 100,000 records
    expect(length + 27 * 45 + 13 * 60).toBeLessThan(4096);
  });

  test("no byte of it can be changed", async () => {
    const proof = await proveRecord(await logOf(store), { seq: 3, line: 4 });
    for (let at = 0; at < proof.length; at += 1) {
      const edited = Buffer.from(proof);
      edited[at] = (edited[at] ?? 0) ^ (1 + (at % 7));
      expect(isProved(edited)).toBe(false);
    }
  });

  test("names another record, another place or another log in vain", async () => {
    const proof = parseTlogProof(await proveRecord(await logOf(store), { seq: 3, line: 4 }));
    const opening = parseOpening(Buffer.from(proof.extra ?? []));
    const codes = (edited: Partial<typeof proof>) =>
      verify(formatTlogProof({ ...proof, ...edited })).findings.map(({ code }) => code);
    expect(codes({})).toEqual([]);
    expect(codes({ extra: formatOpening({ ...opening, record: Buffer.from("{}") }) })).toEqual([
      "RECORD_NOT_INCLUDED",
    ]);
    expect(codes({ extra: formatOpening({ ...opening, index: 4 }) })).toEqual(["RECORD_NOT_INCLUDED"]);
    expect(codes({ index: 2 })).toEqual(["LEAF_NOT_INCLUDED"]);
    const other = leavesOf(batchesOf(5, 9))[2] ?? Buffer.of();
    expect(codes({ extra: formatOpening({ ...opening, leaf: other }) })).toEqual([
      "RECORD_NOT_INCLUDED",
      "LEAF_NOT_INCLUDED",
    ]);
    const strange = await modelStore(batchesOf(5, 9), [modelSigner("other.example/log")]);
    const theirs = strange.get("checkpoint") ?? Buffer.of();
    expect(codes({ checkpoint: theirs })).toEqual(["ORIGIN_MISMATCH"]);
  });

  test("is made of the longest record that a signer takes, and of no longer one, which is told", async () => {
    const longest = "x".repeat(1 << 20);
    const long = await modelStore([{ data: Buffer.from(`a\n${longest}\n${longest}y\n`), from: 1, to: 1 }]);
    const log = await logOf(long);
    expect(verify(await proveRecord(log, { seq: 0, line: 2 }))).toMatchObject({ ok: true });
    await expect(proveRecord(log, { seq: 0, line: 3 })).rejects.toMatchObject({
      code: "input",
      message: expect.stringContaining("record 3 of batch 0 has 1048577 bytes") as string,
    });
  });

  test("is not made of a damaged store", async () => {
    const damages: [string, StoreFiles][] = [
      ["the record", change(store, "fleetsec/batch/003.jsonl", flipAt(200))],
      ["another record of the batch", change(store, "fleetsec/batch/003.jsonl", flipAt(0))],
      ["no batch", without(store, "fleetsec/batch/003.jsonl")],
      ["a tile", change(store, "tile/0/000.p/5", flipAt(40))],
      ["no tile", without(store, "tile/0/000.p/5")],
      ["no bundle", without(store, "tile/entries/000.p/5")],
      ["a short bundle", change(store, "tile/entries/000.p/5", (bytes) => bytes.subarray(0, 99))],
    ];
    for (const [, damaged] of damages) {
      await expect(proveRecord(await logOf(damaged), { seq: 3, line: 2 })).rejects.toMatchObject({
        code: "input",
      });
    }
  });
});

describe("a checkpoint that a retired key signed", () => {
  const [old, next] = [modelSigner(), modelSigner(undefined, "next")];
  const ranged = parseTrust(
    Buffer.from(`${formatVerifierKey(old.key)} 1-4\n${formatVerifierKey(next.key)} 4-\n`),
    "trust",
  );
  const codesOf = (proof: Buffer, note?: Buffer) =>
    verifyProof({ proof, trust: ranged, old: note, now: NOW }).findings.map(({ code }) => code);

  test("proves no record, and one that a key in use signed too does", async () => {
    const log = await logOf(store, 3);
    expect(codesOf(await proveRecord(log, { seq: 2, line: 9 }))).toEqual(["KEY_RETIRED"]);
    const both = await modelStore(batchesOf(4, 9), [old, next]);
    expect(codesOf(await proveRecord(await logOf(both), { seq: 2, line: 9 }))).toEqual([]);
  });

  test("is good enough as the older one, which the auditor kept, and not as the newer", async () => {
    const both = await modelStore(batchesOf(4, 9), [old, next]);
    const kept = store.get("fleetsec/checkpoint/2");
    expect(codesOf(await proveConsistency(await logOf(both), 2), kept)).toEqual([]);
    expect(codesOf(await proveConsistency(await logOf(store, 3), 2), kept)).toEqual(["KEY_RETIRED"]);
  });
});

describe("a consistency proof", () => {
  test("holds between any two checkpoints", async () => {
    for (let size = 1; size <= 5; size += 1) {
      for (let old = 1; old <= size; old += 1) {
        const proof = await proveConsistency(await logOf(store, size), old);
        const note = store.get(`fleetsec/checkpoint/${old}`);
        expect(verify(proof, note)).toMatchObject({ ok: true, kind: "consistency", old: { size: old } });
      }
    }
  });

  test("does not hold for another checkpoint, or another log", async () => {
    const proof = await proveConsistency(await logOf(store), 3);
    const codes = (old: Buffer | undefined) => verify(proof, old).findings.map(({ code }) => code);
    expect(codes(store.get("fleetsec/checkpoint/2"))).toEqual(["NOT_CONSISTENT"]);
    const fork = await modelStore(batchesOf(5, 8));
    expect(codes(fork.get("fleetsec/checkpoint/3"))).toEqual(["NOT_CONSISTENT"]);
    expect(() => verify(proof)).toThrow(FleetsecError);
  });

  test("no byte of it can be changed", async () => {
    const proof = await proveConsistency(await logOf(store), 3);
    const old = store.get("fleetsec/checkpoint/3");
    expect(isProved(proof, old)).toBe(true);
    for (let at = 0; at < proof.length; at += 1) {
      const edited = Buffer.from(proof);
      edited[at] = (edited[at] ?? 0) ^ (1 + (at % 7));
      expect(isProved(edited, old)).toBe(false);
    }
  });

  test("is not made of a damaged store, nor from a size that is none", async () => {
    const damaged = change(store, "tile/0/000.p/5", flipAt(40));
    await expect(proveConsistency(await logOf(damaged), 3)).rejects.toThrow(/cannot be proved/);
    for (const size of [0, 6]) {
      await expect(proveConsistency(await logOf(store), size)).rejects.toThrow(FleetsecError);
    }
  });
});

describe("records of a request", () => {
  test("are found by their request_id alone", async () => {
    const event = (id: unknown, more = {}) => Buffer.from(`${JSON.stringify({ request_id: id, ...more })}\n`);
    const files = await modelStore([
      { data: Buffer.concat([event("a"), event("b", { note: "a" })]), from: 1, to: 2 },
      { data: Buffer.concat([Buffer.from('no json "a"\n'), event("a", { x: 1 })]), from: 3, to: 4 },
    ]);
    const placesOf = async (id: string, max: number) =>
      (await findRequest(await logOf(files), id, max)).places;
    expect(await placesOf("a", 10)).toEqual([
      { seq: 0, line: 1 },
      { seq: 1, line: 2 },
    ]);
    expect(await placesOf("a", 1)).toEqual([{ seq: 0, line: 1 }]);
    expect(await placesOf("none", 10)).toEqual([]);
    await expect(
      findRequest(await logOf(without(files, "fleetsec/batch/001.jsonl")), "a", 10),
    ).rejects.toMatchObject({ code: "input" });
    expect(eventOf(0)).toHaveProperty("request_id");
  });

  test("are not said to be all where others are too long to be looked at", async () => {
    const long = `{"request_id":"b","note":"${"x".repeat(1 << 21)}"}`;
    const log = await logOf(
      await modelStore([{ data: Buffer.from(`{"request_id":"a"}\n${long}\n`), from: 1, to: 1 }]),
    );
    expect(await findRequest(log, "a", 10)).toEqual({ places: [{ seq: 0, line: 1 }], tooLong: 1 });
    expect(await findRequest(log, "b", 10)).toEqual({ places: [], tooLong: 1 });
  });
});

describe("formats", () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const path = fc.array(hash, { maxLength: 60 });
  const checkpoint = fc.uint8Array();

  test("a tlog-proof reads back", () => {
    fc.assert(
      fc.property(
        fc.option(fc.uint8Array(), { nil: undefined }),
        fc.maxSafeNat(),
        path,
        checkpoint,
        (e, i, p, c) => {
          const proof = { extra: e, index: i, path: p, checkpoint: c };
          expect(plain(parseTlogProof(formatTlogProof(proof)))).toEqual(plain(proof));
        },
      ),
    );
  });

  test("an opening reads back, whatever the record", () => {
    const leaf = leavesOf(batchesOf(1, 1))[0] ?? Buffer.of();
    fc.assert(
      fc.property(fc.maxSafeNat(), path, fc.uint8Array(), (index, p, record) => {
        const opening = { index, path: p, leaf, record };
        expect(plain(parseOpening(formatOpening(opening)))).toEqual(plain(opening));
      }),
    );
  });

  test("a consistency file reads back", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), path, checkpoint, (old, proof, c) => {
        const file = { old, proof, checkpoint: c };
        expect(plain(parseConsistency(formatConsistency(file)))).toEqual(plain(file));
      }),
    );
  });

  test("what begins as a proof and goes on as none proves nothing", () => {
    const texts = [
      "c2sp.org/tlog-proof@v1",
      "c2sp.org/tlog-proof@v1\nindex 01\n\n",
      "c2sp.org/tlog-proof@v1\nextra\nindex 1\n\n",
      "c2sp.org/tlog-proof@v1\nextra A\nindex 1\n\n",
      "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n",
      `c2sp.org/tlog-proof@v1\nindex 1\n${`${"A".repeat(43)}=\n`.repeat(65)}\n`,
    ];
    const codes = (text: string, old?: Buffer) =>
      verify(Buffer.from(text), old).findings.map(({ code }) => code);
    for (const text of texts) expect(codes(text)).toEqual(["PROOF_MALFORMED"]);
    const old = store.get("fleetsec/checkpoint/3");
    for (const text of ["old 1", "old x\n\n"]) expect(codes(text, old)).toEqual(["PROOF_MALFORMED"]);
  });

  test("what does not begin as a proof is refused as input", () => {
    for (const text of ["", "junk", "c2sp.org/tlog-proof@v2\nindex 1\n\n"]) {
      expect(() => verify(Buffer.from(text))).toThrow(FleetsecError);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(isProved(Buffer.from(bytes))).toBe(false);
      }),
    );
  });
});

/** Whether a proof holds; what is no proof does not. */
function isProved(proof: Buffer, old?: Buffer): boolean {
  try {
    return verify(proof, old).ok;
  } catch (error) {
    if (error instanceof FleetsecError) return false;
    throw error;
  }
}

function flipAt(offset: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    return bytes;
  };
}

/** Buffers and arrays of bytes alike, so that they compare. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) => {
      const bytes =
        inner instanceof Uint8Array
          ? inner
          : (inner as { type?: string } | null)?.type === "Buffer"
            ? Buffer.from(inner as never)
            : undefined;
      return bytes === undefined ? inner : Buffer.from(bytes).toString("hex");
    }),
  ) as unknown;
}
