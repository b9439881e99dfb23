import { createHash, createPrivateKey, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatCheckpoint } from "../../../src/logs/checkpoint.ts";
import { formatNote, parseNote } from "../../../src/logs/note.ts";
import { signNote } from "../../../src/logs/signer.ts";
import { formatVerifierKey, verifierKey } from "../../../src/logs/verifier-key.ts";
import { parseTrust, quorumMet, type Trust } from "../../../src/logs/verify/trust.ts";
import { unlessRefused } from "../../support/refusal.ts";
import { modelKey, modelSigner, modelStore, type StoreFiles } from "../store-model.ts";
import { bytesAt, flip, withFile } from "./tamper.ts";
import { batchesOf, NOW, verifyFiles } from "./verifying.ts";
import { cosignedBy, witness, witnessLine } from "./witnesses.ts";

const log = formatVerifierKey(modelSigner().key);
const policy = (...lines: readonly string[]) =>
  parseTrust(Buffer.from(lines.map((line) => `${line}\n`).join("")), "policy");

describe("trust files", () => {
  test("keys, one a line, with comments", () => {
    const trust = policy("# our log", "", log);
    expect(trust.logs.map(formatVerifierKey)).toEqual([log]);
    expect(trust.quorum).toBeUndefined();
  });

  test("a policy with groups of groups", () => {
    const trust = policy(
      `log ${log} https://log.example/`,
      ...["a", "b", "c", "d"].map(witnessLine),
      "group x 2 a b c",
      "\tgroup  both all x d ",
      "quorum both",
    );
    const met = (...names: readonly string[]) =>
      trust.quorum !== undefined && quorumMet(trust.quorum, new Set(names));
    expect(met("a", "c", "d")).toBe(true);
    expect(met("a", "b", "c")).toBe(false);
    expect(met("a", "d")).toBe(false);
    expect(met()).toBe(false);
  });

  test("quorum none demands no witness; any is one", () => {
    expect(policy(`log ${log}`, "quorum none").quorum).toBeUndefined();
    const any = policy(
      `log ${log}`,
      witnessLine("a"),
      witnessLine("b"),
      "group g any a b",
      "quorum g",
    ).quorum;
    expect(any !== undefined && quorumMet(any, new Set(["b"]))).toBe(true);
  });

  test.each<[string, readonly string[]]>([
    ["nothing", []],
    ["no log", [witnessLine("a"), "quorum a"]],
    ["no quorum", [`log ${log}`]],
    ["two quorums", [`log ${log}`, "quorum none", "quorum none"]],
    ["an undefined name", [`log ${log}`, "quorum a"]],
    ["a name that is defined later", [`log ${log}`, "group g any a", witnessLine("a"), "quorum g"]],
    ["a name that is taken", [`log ${log}`, witnessLine("a"), "group a any a", "quorum a"]],
    [
      "a witness named none",
      [`log ${log}`, `witness none ${formatVerifierKey(witness("a"))}`, "quorum none"],
    ],
    ["a threshold of 0", [`log ${log}`, witnessLine("a"), "group g 0 a", "quorum g"]],
    ["a threshold beyond the members", [`log ${log}`, witnessLine("a"), "group g 2 a", "quorum g"]],
    ["a threshold with a leading zero", [`log ${log}`, witnessLine("a"), "group g 01 a", "quorum g"]],
    ["a member twice", [`log ${log}`, witnessLine("a"), "group g any a a", "quorum g"]],
    ["a key twice", [`log ${log}`, `log ${log}`, "quorum none"]],
    ["a witness's key for a log", [`log ${formatVerifierKey(witness("a"))}`, "quorum none"]],
    ["a log's key for a witness", [`log ${log}`, `witness a ${log}`, "quorum a"]],
    ["another keyword", [`log ${log}`, "trust me", "quorum none"]],
    ["CR LF", [`${log}\r`]],
    ["a control character", [`${log}\u0007`]],
    ["a damaged key", [log.replace("A", "B")]],
  ])("refuses %s", (_, lines) => {
    expect(unlessRefused(() => policy(...lines))).toBeUndefined();
  });

  test("any bytes are read or refused, never crash", () => {
    const items = fc.constantFrom(
      "log",
      "witness",
      "group",
      "quorum",
      "none",
      "all",
      "any",
      "1",
      "a",
      "b",
      log,
      formatVerifierKey(witness("a")),
      "\n",
      " ",
      "#",
    );
    fc.assert(
      fc.property(fc.array(items), (parts) => {
        const trust = unlessRefused(() => parseTrust(Buffer.from(parts.join(" ")), "x"));
        expect(trust?.logs.length).not.toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});

describe("31, 32: witnesses", () => {
  const trust = (): Trust =>
    policy(`log ${log}`, witnessLine("a"), witnessLine("b"), "group g all a b", "quorum g");

  async function cosigned(...witnesses: readonly [name: string, time: number][]): Promise<StoreFiles> {
    return cosignedBy(await modelStore(batchesOf(2, 3)), ...witnesses);
  }

  test("a quorum anchors the log", async () => {
    const result = await verifyFiles(await cosigned(["a", NOW - 9], ["b", NOW + 200]), { trust: trust() });
    expect(result).toMatchObject({
      verdict: "intact",
      findings: [],
      anchors: [{ kind: "witnesses", size: 2 }],
    });
  });

  test("a quorum of the checkpoint that was cosigned last anchors the log up to there", async () => {
    const store = await cosigned();
    const last = (await cosigned(["a", NOW - 9], ["b", NOW - 9])).get("checkpoint") ?? Buffer.of();
    const longer = await modelStore(batchesOf(4, 3));
    expect(
      (await verifyFiles(withFile(store, "fleetsec/cosigned", last), { trust: trust() })).anchors,
    ).toEqual([{ kind: "witnesses", size: 2, source: "a, b" }]);
    expect(await verifyFiles(withFile(longer, "fleetsec/cosigned", last), { trust: trust() })).toMatchObject({
      verdict: "intact",
      log: { size: 4 },
      anchors: [{ kind: "witnesses", size: 2, source: "a, b" }],
    });
    // it is one of the log's checkpoints like any other
    const forked = await modelStore(batchesOf(4, 2));
    const places = [
      [forked, last, "INCONSISTENT_WITH_ANCHOR"],
      [await modelStore(batchesOf(1, 3)), last, "ROLLBACK"],
      [await modelStore(batchesOf(2, 2)), last, "EQUIVOCATION"],
      [longer, Buffer.from("noise"), "NOTE_MALFORMED"],
      [
        longer,
        (await modelStore(batchesOf(2, 3), [modelSigner("other")])).get("checkpoint"),
        "ORIGIN_MISMATCH",
      ],
    ] as const;
    for (const [files, note, code] of places) {
      const { findings, anchors } = await verifyFiles(withFile(files, "fleetsec/cosigned", note ?? ""), {
        trust: trust(),
      });
      expect(findings.map((finding) => finding.code)).toContain(code);
      expect(anchors).toEqual([]);
    }
  });

  test("witnesses are no anchor of a log that is not the one that they cosigned", async () => {
    const anchorsOf = async (files: StoreFiles) => (await verifyFiles(files, { trust: trust() })).anchors;
    const good = await cosigned(["a", NOW - 9], ["b", NOW - 9]);
    const other = await modelStore(batchesOf(2, 2));
    const leaves = withFile(other, "checkpoint", bytesAt(good, "checkpoint"));
    leaves.set("fleetsec/checkpoint/2", bytesAt(good, "checkpoint"));
    expect(await anchorsOf(leaves)).toEqual([]);
    // the controls: it is, and what else is altered is no matter of theirs
    expect(await anchorsOf(good)).toMatchObject([{ kind: "witnesses", size: 2 }]);
    expect(await anchorsOf(flip(good, "fleetsec/batch/000.jsonl", 3))).toMatchObject([
      { kind: "witnesses", size: 2 },
    ]);
  });

  test("UNEXPECTED_FILE: a cosigned checkpoint that nobody cosigned", async () => {
    const store = await modelStore(batchesOf(2, 3));
    const add = async (note: Buffer) =>
      verifyFiles(withFile(store, "fleetsec/cosigned", note), { trust: policy(`log ${log}`, "quorum none") });
    const unsigned = store.get("fleetsec/checkpoint/1") ?? Buffer.of();
    expect((await add(unsigned)).findings).toMatchObject([
      { code: "UNEXPECTED_FILE", path: "fleetsec/cosigned" },
    ]);
    // by a witness that the policy does not name, as C2SP asks
    const line = `\u2014 witness.example ${Buffer.alloc(76, 3).toString("base64")}\n`;
    expect((await add(Buffer.concat([unsigned, Buffer.from(line)]))).findings).toEqual([]);
  });

  test("UNEXPECTED_FILE: a cosigned checkpoint of size 0, which anchors nothing", async () => {
    const store = await modelStore(batchesOf(2, 3));
    const first = store.get("fleetsec/checkpoint/1") ?? Buffer.of();
    const root = createHash("sha256").digest();
    const text = formatCheckpoint({ origin: "fleet.internal/audit", size: 0, root });
    const empty = Buffer.from(await signNote(text, [modelSigner()]));
    const verdictOf = (note: Buffer) => {
      const witnessed = cosignedBy(new Map([["checkpoint", note]]), ["a", NOW - 9], ["b", NOW - 9]);
      return verifyFiles(withFile(store, "fleetsec/cosigned", bytesAt(witnessed, "checkpoint")), {
        trust: trust(),
      });
    };
    const verdict = await verdictOf(empty);
    expect(verdict).toMatchObject({ ok: false, verdict: "altered", anchors: [] });
    expect(verdict.findings).toContainEqual(
      expect.objectContaining({ code: "UNEXPECTED_FILE", path: "fleetsec/cosigned" }),
    );
    expect(await verdictOf(first)).toMatchObject({ verdict: "intact", anchors: [{ size: 1 }] });
  });

  test("31: the quorum is not met", async () => {
    const { findings } = await verifyFiles(await cosigned(["a", NOW]), { trust: trust() });
    expect(findings).toMatchObject([{ code: "QUORUM_UNMET" }]);
  });

  test("32: a cosignature from the future does not count", async () => {
    const { findings } = await verifyFiles(await cosigned(["a", NOW], ["b", NOW + 301]), { trust: trust() });
    expect(findings).toMatchObject([{ code: "QUORUM_UNMET" }, { code: "TIME_ANOMALY" }]);
  });

  test("a forged cosignature condemns the note", async () => {
    const store = await cosigned(["a", NOW], ["b", NOW]);
    const note = parseNote(store.get("checkpoint") ?? Buffer.of());
    const forged = note.signatures.map((one, i) => (i === 2 ? { ...one, signature: Buffer.alloc(72) } : one));
    store.set("checkpoint", Buffer.from(formatNote({ ...note, signatures: forged })));
    expect((await verifyFiles(store, { trust: trust() })).findings).toMatchObject([{ code: "SIG_INVALID" }]);
  });

  test("a signature that the stored copy has must not be taken out", async () => {
    const store = await cosigned(["a", NOW], ["b", NOW]);
    const stripped = (await cosigned(["a", NOW])).get("checkpoint") ?? Buffer.of();
    const tampered = new Map(store)
      .set("fleetsec/checkpoint/2", store.get("checkpoint") as Buffer)
      .set("checkpoint", stripped);
    expect((await verifyFiles(tampered)).findings).toMatchObject([
      { code: "SIG_INVALID", path: "checkpoint" },
    ]);
  });
});

test("keys of two types leave no error behind for whoever reads a private key next", () => {
  const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  const other = formatVerifierKey(verifierKey("fleet.internal/audit", "p256", p256));
  expect(parseTrust(Buffer.from(`${log}\n${other}\n`), "log.pub").logs).toHaveLength(2);
  const der = modelKey("a").export({ format: "der", type: "pkcs8" });
  expect(() => createPrivateKey({ key: der, format: "der", type: "pkcs8" })).not.toThrow();
});
