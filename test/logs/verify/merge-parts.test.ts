import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { batchPath, checkpointPath, hashesPath } from "../../../src/logs/layout.ts";
import { formatLeaf, parseLeaf } from "../../../src/logs/leaf.ts";
import { type Part, rangeOf } from "../../../src/logs/verify/part.ts";
import { judgePart, type PartResult } from "../../../src/logs/verify/part-result.ts";
import { soaked } from "../../support/soak.ts";
import { batchesArbitrary, modelSigner, modelStore, type StoreFiles } from "../store-model.ts";
import { merge, partOf, rangesAt, verifyInPartsToo } from "./merging.ts";
import { mutate, mutationArbitrary } from "./mutations.ts";
import { flip, swapFiles, withFile, without } from "./tamper.ts";
import { anchorIn, batchesOf, trustIn, verifyFiles } from "./verifying.ts";

let store: StoreFiles;
beforeAll(async () => {
  store = await modelStore(batchesOf(6, 20));
});

const shards = (count: number): Part[] => Array.from({ length: count }, (_, i) => ({ index: i + 1, count }));
const HALVES = rangesAt([3]);

describe("the whole", () => {
  test.each(HALVES.map((part) => [part]))("a part reads its own batches only: %j", async (part) => {
    const tampered = flip(store, batchPath(3), 5);
    const { result } = await partOf(tampered, part);
    const { range, batches } = result.examination;
    expect(batches.batches).toBe(range.from === 0 ? 3 : 2);
    expect(batches.findings.map(({ code, seq }) => [code, seq])).toEqual(
      range.from === 0 ? [] : [["RECORD_ALTERED", 3]],
    );
    expect(judgePart(result).outcome).toBe(range.from === 0 ? "nothing-found" : "altered");
  });

  // faults at both edges, within a part, across parts: at every cut of the log
  test.each([[[]], [[1]], [[3]], [[4]], [[5]], [[1, 2, 3, 4, 5]], [[3, 3, 6, 9]]])(
    "faults wherever the cuts are: %j",
    async (cuts) => {
      let tampered = flip(store, batchPath(0), 5);
      tampered = flip(tampered, batchPath(3), 5);
      tampered = flip(tampered, hashesPath(5), 5);
      tampered = swapFiles(tampered, batchPath(1), batchPath(4));
      tampered = withFile(tampered, "stray", "x");
      const { findings } = await verifyInPartsToo(tampered, { anchors: [anchorIn(store)] }, rangesAt(cuts));
      expect(findings.map(({ code, seq }) => [code, seq])).toEqual([
        ["RECORD_ALTERED", 0],
        ["BATCH_SWAPPED", 1],
        ["RECORD_ALTERED", 3],
        ["BATCH_SWAPPED", 4],
        ["SIDECAR_ALTERED", 5],
        ["UNEXPECTED_FILE", undefined],
      ]);
    },
  );

  test("the chain breaks and time goes back just where the parts meet", async () => {
    const batches = batchesOf(6, 2);
    const back = batches.with(3, { ...batches[3]!, from: 1, to: 2 });
    const broken = await modelStore(back, undefined, (leaf, seq) =>
      seq === 3 ? formatLeaf({ ...parseLeaf(leaf), prev: "00".repeat(32) }) : leaf,
    );
    for (const cuts of [[3], [2, 4]]) {
      const { findings } = await verifyInPartsToo(broken, { anchors: [anchorIn(broken)] }, rangesAt(cuts));
      expect(findings).toMatchObject([
        { code: "CHAIN_BREAK", seq: 3 },
        { code: "TIME_REGRESSION", seq: 3 },
      ]);
    }
  });

  test("more findings than are listed: the same ones are", async () => {
    const log = await modelStore(batchesOf(12, 1000));
    const tampered = new Map(log);
    for (let seq = 0; seq < 12; seq++) {
      tampered.set(
        batchPath(seq),
        Buffer.from(`${log.get(batchPath(seq))?.toString("latin1")}`.replaceAll("req", "reQ"), "latin1"),
      );
    }
    const { findings, omitted, counts } = await verifyInPartsToo(tampered, {}, rangesAt([1, 5]));
    expect([findings.length, omitted, counts]).toEqual([10_000, 2_000, { RECORD_ALTERED: 12_000 }]);
    expect(findings.at(-1)).toMatchObject({ seq: 9, line: 1000 });
  });

  test.each([batchPath(2), hashesPath(5), "tile/0/000.p/2", checkpointPath(3)])(
    "what no part could read is not established: %s",
    async (path) => {
      for (const fault of [{ unreadable: path }, { gone: path }]) {
        const asked = { anchors: [anchorIn(store)], ...fault };
        const { verdict, unestablished } = await verifyInPartsToo(store, asked);
        expect(verdict).toBe("not-established");
        expect(unestablished).toEqual([expect.stringContaining(path)]);
      }
    },
  );

  test("a window of time, and one in which there is no batch", async () => {
    const window = (from: number, to: number) => ({
      since: 1_763_850_000 + from * 60,
      until: 1_763_850_000 + to * 60,
    });
    expect((await verifyInPartsToo(store, window(2, 4))).checked).toMatchObject({ batches: 4, skipped: 2 });
    expect(await verifyInPartsToo(store, window(100, 200))).toMatchObject({ verdict: "not-established" });
  });

  test("nothing is left", async () => {
    expect(await verifyInPartsToo(new Map(), { anchors: [anchorIn(store)] })).toMatchObject({
      verdict: "altered",
    });
  });

  test("the merge keeps the checkpoint, with its leaves", async () => {
    const kept: StoreFiles = new Map();
    const first = await verifyInPartsToo(store, { kept }, shards(4));
    expect(first).toMatchObject({ verdict: "unanchored", kept: { now: "saved" } });
    expect([...kept.keys()].map((name) => name.replace(/.*\./, "")).sort()).toEqual(["checkpoint", "leaves"]);
    expect(await verifyInPartsToo(store, { kept }, shards(4))).toMatchObject({
      verdict: "intact",
      kept: { now: "same" },
    });
    const rewritten = await modelStore(batchesOf(6, 21));
    const { findings } = await verifyInPartsToo(rewritten, { kept }, shards(4));
    expect(findings).toContainEqual(expect.objectContaining({ code: "INCONSISTENT_WITH_ANCHOR", seq: 0 }));
  });
});

describe("shards", () => {
  test("cover every batch once, whatever the size and their number", () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.integer({ min: 1, max: 9999 }), (size, count) => {
        const ranges = shards(count).map((part) => rangeOf(part, size));
        const most = Math.ceil(size / count);
        // one assertion: thousands would take most of the time
        const wrong = ranges.filter(
          ({ from, to }, i) => from !== (ranges[i - 1]?.to ?? 0) || to - from > most,
        );
        expect(wrong).toEqual([]);
        expect(ranges.at(-1)?.to).toBe(size);
      }),
      { numRuns: 30 },
    );
    const huge = Number.MAX_SAFE_INTEGER;
    expect(rangeOf({ index: 9999, count: 9999 }, huge).to).toBe(huge);
  });

  test("more of them than batches", async () => {
    expect(await verifyInPartsToo(store, { anchors: [anchorIn(store)] }, shards(9))).toMatchObject({
      verdict: "intact",
    });
  });
});

const RUNS = soaked(60, 3000);

test(`${RUNS} random logs, random faults, random partitions: the merge says what one run says`, async () => {
  let altered = 0;
  await fc.assert(
    fc.asyncProperty(
      batchesArbitrary,
      fc.array(mutationArbitrary, { maxLength: 4 }),
      fc.oneof(
        fc.array(fc.nat(13), { maxLength: 4 }).map((cuts) => rangesAt(cuts.toSorted((a, b) => a - b))),
        fc.integer({ min: 1, max: 6 }).map(shards),
      ),
      fc.boolean(),
      async (batches, mutations, split, isKept) => {
        const original = await modelStore(batches);
        const kept: StoreFiles | undefined = isKept ? new Map() : undefined;
        if (kept !== undefined) await verifyFiles(original, { kept });
        const tampered = new Map(original);
        for (const mutation of mutations) if (tampered.size > 0) mutate(tampered, mutation);
        const asked = { ...(kept === undefined ? { anchors: [anchorIn(original)] } : { kept }), maxAge: 1e9 };
        const { verdict } = await verifyInPartsToo(tampered, asked, split);
        if (verdict === "altered") altered += 1;
      },
    ),
    { numRuns: RUNS },
  );
  expect(altered).toBeGreaterThan(RUNS / 4);
}, 3_600_000);

describe("what is missing is not established", () => {
  test("a part in the middle, at either end, and all but one", async () => {
    const parts = [];
    for (const part of rangesAt([2, 4])) parts.push(await partOf(store, part));
    const [first, second, third] = parts as [(typeof parts)[0], (typeof parts)[0], (typeof parts)[0]];
    expect(await merge(parts, { allowUnanchored: true })).toMatchObject({ ok: true, unestablished: [] });
    for (const [some, missing] of [
      [[first, third], ["batches 2 to 3 of 6 are in no part"]],
      [[second, third], ["batches 0 to 1 of 6 are in no part"]],
      [[first, second], ["batches 4 to 5 of 6 are in no part"]],
      [[second], ["batches 0 to 1 of 6 are in no part", "batches 4 to 5 of 6 are in no part"]],
    ] as const) {
      const kept: StoreFiles = new Map();
      const result = await merge(some, { allowUnanchored: true, kept });
      expect(result).toMatchObject({
        verdict: "not-established",
        ok: false,
        unestablished: missing,
        kept: { now: "not" },
      });
      expect(kept.size).toBe(0);
    }
  });

  test("shards are named", async () => {
    const parts = [await partOf(store, { index: 1, count: 3 }), await partOf(store, { index: 3, count: 3 })];
    expect((await merge(parts)).unestablished).toEqual([
      "batches 2 to 3 of 6 are in no part; shards of 3 that are missing: 2",
    ]);
  });

  test("what was found is told all the same", async () => {
    const tampered = flip(store, batchPath(5), 5);
    expect(await merge([await partOf(tampered, { from: 3, to: 6 })])).toMatchObject({
      verdict: "altered",
      unestablished: ["batches 0 to 2 of 6 are in no part"],
    });
  });
});

describe("what does not belong together is refused", () => {
  const expectRefusal = async (
    message: string,
    a: Promise<{ name: string; result: PartResult }>,
    b = partOf(store, HALVES[1]!),
  ) =>
    expect(merge([await a, await b])).rejects.toMatchObject({
      code: "input",
      message: expect.stringContaining(message) as string,
    });
  const first = HALVES[0]!;

  test("the control", async () => {
    expect(await merge([await partOf(store, first), await partOf(store, HALVES[1]!)])).toMatchObject({
      verdict: "unanchored",
    });
  });

  test("parts that overlap, and one that is named twice", async () => {
    await expectRefusal("0.json and 3.json both have batch 3", partOf(store, { from: 0, to: 4 }));
    const once = partOf(store, first);
    await expectRefusal("0.json and 0.json both have batch 0", once, once);
  });

  test.each<[string, () => Promise<{ name: string; result: PartResult }>, string]>([
    [
      "other keys",
      () => partOf(store, first, { trust: trustIn(modelSigner(), modelSigner("b/c")) }),
      "other trusted keys",
    ],
    ["other anchors", () => partOf(store, first, { anchors: [anchorIn(store)] }), "the anchors differ"],
    ["other windows", () => partOf(store, first, { since: 5 }), "--since, --until or --max-age differ"],
    ["another age", () => partOf(store, first, { maxAge: 1e9 }), "--since, --until or --max-age differ"],
    ["not as deep", () => partOf(store, first, { deepUpTo: 1 }), "--deep differ"],
    ["authorities", () => partOf(store, first, { timestampAuthorities: [] }), "--tsa-ca differ"],
    [
      "another kept",
      async () => {
        const kept: StoreFiles = new Map();
        await verifyFiles(store, { kept });
        return partOf(store, first, { kept });
      },
      "--state differ",
    ],
    [
      "a log that has grown",
      async () => partOf(await modelStore(batchesOf(7, 20)), first),
      "the size of the log differ",
    ],
    [
      "another log",
      async () => partOf(await modelStore(batchesOf(6, 21)), first),
      "the checkpoint of the log differ",
    ],
    ["a store that changed", () => partOf(withFile(store, "stray", "x"), first), "beside the batches differ"],
    [
      "a store that lost a file",
      () => partOf(without(store, batchPath(5)), first),
      "beside the batches differ",
    ],
  ])("%s", async (_, part, message) => {
    await expectRefusal(message, part());
  });

  test("a merge with another version, other keys, or another memory", async () => {
    const parts = [await partOf(store, first), await partOf(store, HALVES[1]!)];
    const kept: StoreFiles = new Map();
    await verifyFiles(store, { kept });
    await expect(merge(parts, { kept })).rejects.toMatchObject({
      message: expect.stringContaining("that of size 6; the parts were held to none") as string,
    });
    await expect(merge(parts, { trust: trustIn(modelSigner("b/c")) })).rejects.toMatchObject({
      code: "input",
    });
    const old = parts.map((part) => ({ ...part, result: { ...part.result, version: "0.0.1" } }));
    await expect(merge(old)).rejects.toMatchObject({
      message: "0.json was made by fleetsec 0.0.1; this is 1.2.3",
    });
    await expect(merge([])).rejects.toMatchObject({ code: "input" });
  });

  type Edit = (result: PartResult) => PartResult;
  const examination =
    (edit: (was: PartResult["examination"]) => object): Edit =>
    (result) => ({
      ...result,
      examination: { ...result.examination, ...edit(result.examination) },
    });
  test.each<[string, Edit]>([
    ["fewer batches read", examination(({ batches }) => ({ batches: { ...batches, batches: 2 } }))],
    ["a range beyond the log", examination(() => ({ range: { from: 0, to: 99 } }))],
    ["a range that is none", examination(() => ({ range: { from: 3, to: 0 } }))],
    ["a wider range", examination(() => ({ range: { from: 0, to: 6 } }))],
    ["leaves cut", examination(({ leaves }) => ({ leaves: leaves?.subarray(32) }))],
    ["another leaf", examination(() => ({ leaves: Buffer.alloc(96) }))],
    [
      "findings that are not counted",
      examination(({ batches }) => ({
        batches: { ...batches, findings: [{ code: "LOCK_WEAK", detail: "" }] },
      })),
    ],
    [
      "counts without findings",
      examination(({ batches }) => ({ batches: { ...batches, counts: { LOCK_WEAK: 1 } } })),
    ],
    [
      "findings of another part",
      examination(({ batches }) => ({
        batches: {
          ...batches,
          findings: [{ code: "RECORD_ALTERED", seq: 5, detail: "" }],
          counts: { RECORD_ALTERED: 1 },
        },
      })),
    ],
  ])("a file that was edited: %s", async (_, edit) => {
    const part = await partOf(store, first);
    const edited = { ...part, result: edit(part.result) };
    await expect(merge([edited, await partOf(store, HALVES[1]!)])).rejects.toMatchObject({ code: "input" });
  });

  const ofWhole = (edit: (was: PartResult["examination"]["whole"]) => object) =>
    examination((was) => ({ whole: { ...was.whole, ...edit(was.whole) } }));
  const file = { kind: "file" as const, source: "anchor.txt" };
  const stamp = { kind: "time-stamp" as const, size: 6, source: "CN=tsa", time: 1_763_850_000 };
  test.each<[string, Edit]>([
    [
      "passed over batches unasked",
      examination(({ batches }) => ({ batches: { ...batches, batches: 0, skipped: 3 } })),
    ],
    ["left out the hashes of their leaves", examination(() => ({ leaves: undefined }))],
    ["ended before they began", (result) => ({ ...result, ended: result.time - 1 })],
    ["an anchor that nobody asked for", ofWhole(() => ({ anchors: [{ ...file, source: "x", size: 6 }] }))],
    ["an anchor of another size", ofWhole(() => ({ anchors: [{ ...file, size: 5 }] }))],
    ["what was not kept", ofWhole(() => ({ anchors: [{ kind: "kept", size: 6 }] }))],
    ["a time-stamp of nobody", ofWhole(() => ({ tokens: [stamp] }))],
    [
      "a time-stamp that is none",
      (result) => ({
        ...ofWhole(() => ({ tokens: [{ ...stamp, kind: "age" }] }))(result),
        asked: { ...result.asked, authorities: ["00".repeat(32)] },
      }),
    ],
    [
      "a time-stamp beyond the log",
      (result) => ({
        ...ofWhole(() => ({ tokens: [{ ...stamp, size: 7 }] }))(result),
        asked: { ...result.asked, authorities: ["00".repeat(32)] },
      }),
    ],
    [
      "an anchor beyond the log",
      (result) => ({
        ...ofWhole(() => ({ anchors: [{ ...file, size: 7 }] }))(result),
        asked: { ...result.asked, anchors: result.asked.anchors.map((one) => ({ ...one, size: 7 })) },
      }),
    ],
    [
      "an anchor that the leaves do not make",
      (result) => ({
        ...result,
        asked: {
          ...result.asked,
          anchors: result.asked.anchors.map((one) => ({ ...one, root: Buffer.alloc(32, 1) })),
        },
      }),
    ],
    [
      "more records than the leaves",
      examination(({ batches }) => ({ batches: { ...batches, records: 1e9 } })),
    ],
    ["no records", examination(({ batches }) => ({ batches: { ...batches, records: 0 } }))],
    ["no bytes", examination(({ batches }) => ({ batches: { ...batches, bytes: 0 } }))],
  ])("parts that agree, and contradict themselves: %s", async (_, edit) => {
    const asked = { anchors: [anchorIn(store)] };
    const parts = [await partOf(store, HALVES[0]!, asked), await partOf(store, HALVES[1]!, asked)];
    expect(await merge(parts, asked)).toMatchObject({ verdict: "intact", anchors: [{ ...file, size: 6 }] });
    const edited = parts.map((part) => ({ ...part, result: edit(part.result) }));
    await expect(merge(edited, asked)).rejects.toMatchObject({ code: "input" });
  });

  test("parts that agree on a log that nobody signed", async () => {
    const forged = { origin: "fleet.internal/audit", size: 6, root: Buffer.alloc(32, 1) };
    const edits: Edit[] = [
      examination(({ whole }) => ({ whole: { ...whole, log: forged } })),
      examination(({ whole }) => ({ whole: { ...whole, established: undefined } })),
      (result) => ({ ...result, checkpoint: undefined }),
      (result) => ({ ...result, checkpoint: result.checkpoint?.replace("\n6\n", "\n7\n") }),
      (result) => ({ ...result, cosigned: "nothing" }),
    ];
    for (const edit of edits) {
      const parts = [];
      for (const half of HALVES) parts.push(await partOf(store, half));
      const edited = parts.map((part) => ({ ...part, result: edit(part.result) }));
      await expect(merge(edited)).rejects.toMatchObject({ code: "input" });
    }
  });
});
