import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { FINDING_CODES } from "../../src/logs/verify/finding.ts";
import * as verifyModule from "../../src/logs/verify/verify.ts";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { modelSigner, modelStore, type StoreFiles, writeStore } from "../logs/store-model.ts";
import { change, flip, withFile, without } from "../logs/verify/tamper.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { type CliOptions, runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

const schemaPath = new URL("../../docs/schema/verify-logs.v1.json", import.meta.url);
const schema = JSON.parse(readFileSync(schemaPath, "utf8")) as { $defs: { code: { enum: string[] } } };
const ajv = new Ajv2020({ allErrors: true });
addFormats.default(ajv);
const isValid = ajv.compile(schema);

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(4, 10));
});

/** A directory with a store, its key file, and nothing of a user. */
function workplace(store = model) {
  const cwd = scratch();
  writeStore(join(cwd, "log"), store);
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  const options: CliOptions = { cwd, userState: join(cwd, "user") };
  return { cwd, run: (...flags: string[]) => runCli(["verify-logs", ...flags], options) };
}

interface Document {
  readonly ok: boolean;
  readonly verdict: string;
  readonly anchored: boolean;
  readonly log: { readonly origin: string; readonly size: number; readonly root: string } | null;
  readonly checked: Record<string, number | boolean>;
  readonly findings: Record<string, unknown>[];
  readonly kept: Record<string, unknown>;
}

function documentIn(stdout: string): Document {
  const document: unknown = JSON.parse(stdout);
  isValid(document);
  expect(isValid.errors ?? []).toEqual([]);
  return document as Document;
}

test("the schema names every code, in their order", () => {
  expect(schema.$defs.code.enum).toEqual([...FINDING_CODES]);
});

test("--origin says which of several logs is wanted", async () => {
  const { cwd, run } = workplace();
  const other = modelSigner("fleet.internal/other");
  const keys = [modelSigner(), other].map(({ key }) => `${formatVerifierKey(key)}\n`);
  writeFileSync(join(cwd, "log.pub"), keys.join(""));
  writeStore(join(cwd, "other"), await modelStore(batchesOf(2, 3), [other]));
  const asked = ["--trust", "log.pub", "--allow-unanchored", "--json"];
  const verify = async (store: string, ...flags: string[]) => {
    const { code, stdout } = await run(store, ...asked, ...flags);
    return { code, document: documentIn(stdout) };
  };
  // each key is trusted: without the flag, one log is as good as the other
  expect(await verify("other")).toMatchObject({
    code: 0,
    document: { log: { origin: "fleet.internal/other" } },
  });
  expect(await verify("log", "--origin", "fleet.internal/audit")).toMatchObject({ code: 0 });
  expect(await verify("other", "--origin", "fleet.internal/audit")).toMatchObject({
    code: 1,
    document: { findings: expect.arrayContaining([expect.objectContaining({ code: "ORIGIN_MISMATCH" })]) },
  });
  const none = await run("log", ...asked, "--origin", "fleet.internal/none");
  expect([none.code, none.stdout]).toEqual([
    2,
    expect.stringContaining("names no key of the log fleet.internal/none"),
  ]);
  // parts and their merge are asked the same
  const part = ["--origin", "fleet.internal/audit", "--trust", "log.pub"];
  expect(await run("log", ...part, "--range", "0..", "--partial", "p.json")).toMatchObject({ code: 0 });
  expect(await run("--merge", "p.json", ...part, "--allow-unanchored")).toMatchObject({ code: 0 });
  expect(await run("--merge", "p.json", "--trust", "log.pub", "--json")).toMatchObject({ code: 2 });
});

describe("verdicts and exit codes", () => {
  test("3 at first, then 0: the checkpoint of the first run anchors the next", async () => {
    const { run, cwd } = workplace();
    const first = await run("log", "--trust", "log.pub");
    expect(first.code).toBe(3);
    expect(first.stdout).toMatch(/^INTACT BUT UNANCHORED/);
    expect(readdirSync(join(cwd, "user/verified-logs")).length).toBeGreaterThan(0);
    const second = await run("log", "--trust", "log.pub");
    expect(second.code).toBe(0);
    expect(second.stdout).toMatch(/^INTACT and anchored/);
  });

  test("0 with an anchor, as JSON", async () => {
    const { run, cwd } = workplace();
    cpSync(join(cwd, "log/checkpoint"), join(cwd, "published.txt"));
    const { code, stdout, stderr } = await run(
      "log",
      "--trust",
      "log.pub",
      "--anchor",
      "published.txt",
      "--json",
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(documentIn(stdout)).toMatchObject({
      ok: true,
      verdict: "intact",
      anchored: true,
      log: { origin: "fleet.internal/audit", size: 4 },
      checked: { batches: 4, records: 40, skipped: 0, deep: true },
      anchors: [{ kind: "file", size: 4, source: "published.txt" }],
      findings: [],
    });
  });

  test("0 unanchored, where that is allowed; 1 altered all the same", async () => {
    const { run, cwd } = workplace();
    const allowed = await run("log", "--trust", "log.pub", "--allow-unanchored", "--json");
    expect(allowed.code).toBe(0);
    expect(documentIn(allowed.stdout)).toMatchObject({ ok: true, verdict: "unanchored", anchored: false });
    writeFileSync(join(cwd, "log/fleetsec/batch/001.jsonl"), "");
    expect((await run("log", "--trust", "log.pub", "--allow-unanchored")).code).toBe(1);
  });

  test("1 with every fault and its place", async () => {
    const tampered = withFile(flip(model, "fleetsec/batch/002.jsonl", 5), "stray\u001b[2Jfile", "x");
    const { run } = workplace(tampered);
    const { code, stdout } = await run("log", "--trust", "log.pub", "--json");
    expect(code).toBe(1);
    expect(documentIn(stdout)).toMatchObject({
      ok: false,
      verdict: "altered",
      findings: [
        { code: "RECORD_ALTERED", seq: 2, line: 1, offset: 0, path: "fleetsec/batch/002.jsonl" },
        { code: "UNEXPECTED_FILE" },
      ],
    });
    const text = await run("log", "--trust", "log.pub");
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/^ALTERED: 2 findings\n/);
    expect(text.stdout).toContain("RECORD_ALTERED  batch 2, line 1, byte 0");
    expect(text.stdout).not.toContain("\u001b");
    for (const line of text.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("1 with two notes that contradict each other, and with nothing left, as JSON", async () => {
    const other = await modelStore(batchesOf(4, 9));
    const twoRoots = workplace(withFile(model, "fleetsec/checkpoint/4", other.get("checkpoint") ?? ""));
    const equivocation = await twoRoots.run("log", "--trust", "log.pub", "--json");
    expect(documentIn(equivocation.stdout).findings).toMatchObject([{ code: "EQUIVOCATION" }]);
    const { run, cwd } = workplace(new Map());
    mkdirSync(join(cwd, "log"));
    const empty = await run("log", "--trust", "log.pub", "--json");
    expect(empty.code).toBe(1);
    expect(documentIn(empty.stdout)).toMatchObject({ log: null, findings: [{ code: "LOG_EMPTY" }] });
    expect((await run("log", "--trust", "log.pub")).stdout).toMatch(/^ALTERED: 1 finding\n/);
  });

  test("a sidecar alone: exit 1, and it says that the records are intact", async () => {
    const { run } = workplace(flip(model, "fleetsec/hashes/001", 0));
    const { code, stdout } = await run("log", "--trust", "log.pub");
    expect(code).toBe(1);
    expect(stdout).toContain("The records are intact");
  });
});

describe("flags", () => {
  test("--state: where checkpoints are kept; nothing is kept of an altered log, and nothing goes back", async () => {
    const { run, cwd } = workplace(without(model, "fleetsec/batch/001.jsonl"));
    expect((await run("log", "--trust", "log.pub", "--state", "mine")).code).toBe(1);
    expect(readdirSync(join(cwd, "mine"))).toEqual([]);
    writeStore(join(cwd, "log"), model);
    expect((await run("log", "--trust", "log.pub", "--state", "mine")).code).toBe(3);
    expect(existsSync(join(cwd, "user"))).toBe(false);
    const kept = readdirSync(join(cwd, "mine")).filter((name) => name.endsWith(".checkpoint"));
    expect(kept).toHaveLength(1);
    writeStore(join(cwd, "cut"), await modelStore(batchesOf(3, 10)));
    const cut = await run("cut", "--trust", "log.pub", "--state", "mine", "--json");
    expect(cut.code).toBe(1);
    expect(documentIn(cut.stdout).findings).toMatchObject([
      { code: "TAIL_TRUNCATED", seq: 3, from: 3, to: 4 },
    ]);
    expect((await run("log", "--trust", "log.pub", "--state", "mine")).code).toBe(0);
  });

  test("--state: a damaged one is named, and one that cannot be made is refused at once", async () => {
    const { run, cwd } = workplace();
    await run("log", "--trust", "log.pub", "--state", "mine");
    const [name = ""] = readdirSync(join(cwd, "mine")).filter((one) => one.endsWith(".checkpoint"));
    writeFileSync(join(cwd, "mine", name), "noise");
    const damaged = await run("log", "--trust", "log.pub", "--state", "mine", "--json");
    expect(damaged.code).toBe(2);
    expect(JSON.parse(damaged.stdout)).toMatchObject({ schema: "fleetsec.error/v1", code: "state" });
    expect((await run("log", "--trust", "log.pub", "--state", "log.pub/x")).code).toBe(2);
  });

  test("the default state cannot be written: said on stderr, and the verdict stands", async () => {
    const { cwd } = workplace();
    cpSync(join(cwd, "log/checkpoint"), join(cwd, "elsewhere"));
    const argv = ["verify-logs", "log", "--trust", "log.pub", "--anchor", "elsewhere"];
    const { code, stderr } = await runCli(argv, { cwd, userState: "/proc/no-such-place" });
    expect(code).toBe(0);
    expect(stderr).toContain("could not be kept");
  });

  test.each(["log", "log/checkpoint", "log/fleetsec/checkpoint", "link"])(
    "--anchor: a store does not anchor itself (%s)",
    async (anchor) => {
      const { run, cwd } = workplace();
      symlinkSync("log/checkpoint", join(cwd, "link"));
      expect((await run("log", "--trust", "log.pub", "--anchor", anchor)).code).toBe(2);
    },
  );

  test("--anchor: nor does a log at a URL, under another name of this machine", async () => {
    const { cwd } = workplace();
    const argv = ["verify-logs", "--tlog", "http://127.0.0.1:1/log", "--trust", "log.pub", "--anchor"];
    for (const anchor of ["http://127.0.0.1:1/log/x", "http://localhost:1/log/checkpoint"]) {
      const { code, stderr } = await runCli([...argv, anchor], { cwd, userState: join(cwd, "user") });
      expect([code, stderr]).toEqual([2, expect.stringContaining("lies within the store")]);
    }
  });

  test.each<[string, (cwd: string) => void]>([
    ["a symlink", (cwd) => symlinkSync("../log/checkpoint", join(cwd, "kept/x"))],
    [
      "a symlink to a symlink",
      (cwd) => {
        symlinkSync("log", join(cwd, "other"));
        symlinkSync("../other/checkpoint", join(cwd, "kept/x"));
      },
    ],
    ["a hard link", (cwd) => linkSync(join(cwd, "log/checkpoint"), join(cwd, "kept/x"))],
    ["the store itself", (cwd) => renameSync(join(cwd, "log"), join(cwd, "kept/log"))],
  ])("--anchor: a directory does not take it from the store by %s", async (_what, make) => {
    const { run, cwd } = workplace();
    mkdirSync(join(cwd, "kept"));
    cpSync(join(cwd, "log/checkpoint"), join(cwd, "copy"));
    symlinkSync("../copy", join(cwd, "kept/copy"));
    expect((await run("log", "--trust", "log.pub", "--anchor", "kept")).code).toBe(0);
    make(cwd);
    const store = existsSync(join(cwd, "log")) ? "log" : "kept/log";
    const { code, stderr } = await run(store, "--trust", "log.pub", "--anchor", "kept");
    expect(code).toBe(2);
    expect(stderr).toContain("lies within the store that it is to anchor");
  });

  test.each([
    ["--report", "json=log/checkpoint"],
    ["--report", "json=link"],
    ["--state", "log/state/new"],
  ])("%s %s: nothing is written into the store", async (...flags) => {
    const { run, cwd } = workplace();
    symlinkSync("log/new", join(cwd, "link"));
    const before = readdirSync(join(cwd, "log"), { recursive: true });
    const { code, stderr } = await run("log", "--trust", "log.pub", "--allow-unanchored", ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(`${flags[0]} lies within the store`);
    expect(readdirSync(join(cwd, "log"), { recursive: true })).toEqual(before);
    expect(readFileSync(join(cwd, "log/checkpoint"))).toEqual(model.get("checkpoint"));
    const elsewhere = flags.map((flag) => flag.replace(/log\/|link/, "out-"));
    mkdirSync(join(cwd, "out-state"));
    expect((await run("log", "--trust", "log.pub", "--allow-unanchored", ...elsewhere)).code).toBe(0);
  });

  test("--anchor: a directory, and several", async () => {
    const { run, cwd } = workplace();
    mkdirSync(join(cwd, "published/.git"), { recursive: true });
    writeFileSync(join(cwd, "published/.git/HEAD"), "ref");
    cpSync(join(cwd, "log/fleetsec/checkpoint/2"), join(cwd, "published/2"));
    cpSync(join(cwd, "log/fleetsec/checkpoint/3"), join(cwd, "3"));
    const { code, stdout } = await run(
      "log",
      "--trust",
      "log.pub",
      "--anchor",
      "published",
      "--anchor",
      "3",
      "--json",
    );
    expect(code).toBe(0);
    expect(documentIn(stdout)).toMatchObject({ anchors: [{ kind: "file", size: 3, source: "3" }] });
    const text = await run("log", "--trust", "log.pub", "--anchor", "published", "--state", "other");
    expect(text.stdout).toContain("Batches 2 to 3 came after the newest anchor");
  });

  test.each<[string, string, string]>([
    ["that is missing", "nothing", "not-found"],
    ["that is no checkpoint", "log.pub", "input"],
    ["of no known kind", "ftp://example.org/checkpoint", "usage"],
    ["that holds none", "empty", "input"],
  ])("--anchor: one %s", async (_, source, code) => {
    const { run, cwd } = workplace();
    mkdirSync(join(cwd, "empty"));
    const result = await run("log", "--trust", "log.pub", "--anchor", source, "--json");
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ code });
    expect(existsSync(join(cwd, "user"))).toBe(false);
  });

  test("--since and --until: records outside are not read, and that is said; the rest is checked", async () => {
    const { run } = workplace(flip(model, "fleetsec/batch/003.jsonl", 5));
    const until = new Date((1_763_850_000 + 130) * 1000).toISOString();
    const { code, stdout } = await run("log", "--trust", "log.pub", "--until", until, "--json");
    expect(code).toBe(3);
    expect(documentIn(stdout)).toMatchObject({
      verdict: "unanchored",
      checked: { batches: 3, skipped: 1 },
      kept: { now: "not" },
    });
    expect((await run("log", "--trust", "log.pub", "--until", until)).stdout).toContain("not read");
    expect((await run("log", "--trust", "log.pub", "--since", until)).code).toBe(1);
    const none = await run("log", "--trust", "log.pub", "--since", "2099-01-01", "--json");
    expect(none.code).toBe(3);
    expect(documentIn(none.stdout).verdict).toBe("not-established");
  });

  test("--max-age: an old log is a finding, a young one is anchored by it", async () => {
    const { run } = workplace();
    expect((await run("log", "--trust", "log.pub", "--max-age", "1s")).code).toBe(1);
    expect((await run("log", "--trust", "log.pub", "--max-age", "99999d")).code).toBe(0);
  });

  test("--deep: the trees over the records, however many there are", async () => {
    const verify = vi.spyOn(verifyModule, "verifyLog");
    const { run } = workplace();
    await run("log", "--trust", "log.pub");
    await run("log", "--trust", "log.pub", "--deep");
    expect(verify.mock.calls.map(([request]) => request.deepUpTo)).toEqual([250_000, Infinity]);
  });

  test("where they are left out, the text says so, and how to have them read", async () => {
    const { run } = workplace();
    const whole = await run("log", "--trust", "log.pub");
    expect(whole.stdout).toContain("nothing else is in the store");
    const { verifyLog } = verifyModule;
    vi.spyOn(verifyModule, "verifyLog").mockImplementationOnce((request, ...rest) =>
      verifyLog({ ...request, deepUpTo: 0 }, ...rest),
    );
    const { code, stdout } = await run("log", "--trust", "log.pub");
    expect(code).toBe(0);
    expect(stdout).not.toContain("nothing else is in the store");
    const plain = stdout.replace(/\s+/g, " ");
    expect(plain).toContain("Not established: that the record hashes beside the batches");
    expect(plain).toContain("they are read with --deep");
  });

  test("--tlog: another program's tile log, of which only what tlog-tiles names is judged", async () => {
    const { run, cwd } = workplace(withFile(flip(model, "fleetsec/batch/001.jsonl", 3), "README", "theirs"));
    const intact = await run("--tlog", "log", "--trust", "log.pub", "--json");
    expect(intact.code).toBe(3);
    expect(documentIn(intact.stdout)).toMatchObject({
      verdict: "unanchored",
      log: { size: 4 },
      checked: { batches: 0, records: 4 },
    });
    const { stdout } = await run("--tlog", "log", "--trust", "log.pub");
    expect(stdout).toContain("size       4 leaves");
    expect(stdout).not.toContain("nothing else is in the store");
    writeFileSync(join(cwd, "log/tile/entries/000.p/4"), "noise");
    const altered = await run("--tlog", "log", "--trust", "log.pub");
    expect(altered.code).toBe(1);
    expect(altered.stdout).toContain("leaf 0");
    for (const flags of [
      ["log"],
      ["--since", "1h"],
      ["--tlog", "ftp://example.org/"],
      ["--tlog", "https://me:word@example.org/"],
      ["--tlog", "https://example.org/?a=b"],
    ]) {
      expect((await run("--tlog", "log", "--trust", "log.pub", ...flags)).code).toBe(2);
    }
  });

  test("the store of fleetsec.yaml is the default", async () => {
    const { run, cwd } = workplace();
    writeFileSync(
      join(cwd, "fleetsec.yaml"),
      "version: 1\nname: x\ndomain: fleet.internal\nlogs:\n  store: log\n",
    );
    expect((await run("--trust", "log.pub")).code).toBe(3);
  });
});

describe("bad input ends with 2", () => {
  test.each<[string, string[], string]>([
    ["no trust file is named", ["log"], "usage"],
    ["the trust file is missing", ["log", "--trust", "none"], "not-found"],
    ["the trust file is something else", ["log", "--trust", "log/fleetsec/batch/001.jsonl"], "input"],
    ["no store is named", ["--trust", "log.pub"], "usage"],
    ["the store is missing", ["none", "--trust", "log.pub"], "not-found"],
    ["the store is a file", ["log.pub", "--trust", "log.pub"], "input"],
    ["--since is no time", ["log", "--trust", "log.pub", "--since", "soon"], "usage"],
    ["--until is no day", ["log", "--trust", "log.pub", "--until", "2026-13-41"], "usage"],
    ["--until is before --since", ["log", "--trust", "log.pub", "--since", "1h", "--until", "2h"], "usage"],
    ["--max-age is no duration", ["log", "--trust", "log.pub", "--max-age", "1"], "usage"],
    ["--locked is no duration", ["s3://b/log", "--trust", "log.pub", "--locked", "soon"], "usage"],
    ["--locked without a store in S3", ["log", "--trust", "log.pub", "--locked"], "usage"],
  ])("%s", async (_, flags, code) => {
    const { run, cwd } = workplace();
    const result = await run(...flags, "--json");
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ schema: "fleetsec.error/v1", code });
    expect(existsSync(join(cwd, "user"))).toBe(false);
  });
});

test("--locked takes no store for its duration, and says how to name both", async () => {
  const { run } = workplace();
  const swallowed = await run("--trust", "log.pub", "--locked", "s3://bucket/log");
  expect([swallowed.code, swallowed.stdout]).toEqual([2, ""]);
  expect(swallowed.stderr).toContain("--locked is not a duration: s3://bucket/log");
  expect(swallowed.stderr).toMatch(/hint: .*STORE --locked.*--locked=30d STORE/);
  // the control: with a duration, the store is what is missing
  const missing = await run("--trust", "log.pub", "--locked", "30d");
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("no store is named")]);
});

test("--quiet still gives the verdict", async () => {
  const { run } = workplace(change(model, "checkpoint", () => Buffer.of()));
  const { stdout, stderr, code } = await run("log", "--trust", "log.pub", "--quiet");
  expect([code, stderr]).toEqual([1, ""]);
  expect(stdout).toMatch(/^ALTERED/);
});
