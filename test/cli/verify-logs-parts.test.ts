import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { modelSigner, modelStore, type StoreFiles, writeStore } from "../logs/store-model.ts";
import { flip } from "../logs/verify/tamper.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { runCli } from "../support/cli.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(5, 10));
});

function workplace(store = model) {
  const cwd = scratch();
  writeStore(join(cwd, "log"), store);
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  cpSync(join(cwd, "log/checkpoint"), join(cwd, "published.txt"));
  const run = (...flags: string[]) =>
    runCli(["verify-logs", "--trust", "log.pub", ...flags], { cwd, userState: join(cwd, "user") });
  const part = (shard: string, file: string, ...flags: string[]) =>
    run("log", "--shard", shard, "--partial", file, ...flags);
  return { cwd, run, part };
}

const ANCHOR = ["--anchor", "published.txt"];

describe("--shard, --partial and --merge", () => {
  test("parts that find nothing are 0, write their file and keep nothing; joined they are one verdict", async () => {
    const { cwd, run, part } = workplace();
    for (const index of [1, 2, 3]) {
      const { code, stdout, stderr } = await part(`${index}/3`, `${index}.json`, ...ANCHOR);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^PART, batch(es)? \d( to \d)? of 5: nothing found\n/);
      expect(stdout).toContain("This is no verdict");
      const document: unknown = JSON.parse(readFileSync(join(cwd, `${index}.json`), "utf8"));
      expect(schemaErrors(document)).toEqual([]);
      expect(document).not.toHaveProperty("ok");
      expect(document).not.toHaveProperty("verdict");
    }
    expect(existsSync(join(cwd, "user"))).toBe(false);
    const files = ["3.json", "1.json", "2.json"];
    const merged = await run(
      "--merge",
      ...files,
      "--report",
      "html=page.html",
      "--report",
      "junit=x.xml",
      "--json",
    );
    expect(merged.code).toBe(0);
    expect(merged.stderr).toBe("joined 3 parts\n");
    expect(readdirSync(join(cwd, "user/verified-logs")).length).toBeGreaterThan(0);
    rmSync(join(cwd, "user"), { recursive: true });
    const whole = await run(
      "log",
      ...ANCHOR,
      "--json",
      "--report",
      "html=whole.html",
      "--report",
      "junit=w.xml",
    );
    const without = (text: string) => ({ ...(JSON.parse(text) as object), kept: undefined, read: undefined });
    expect(without(merged.stdout)).toEqual(without(whole.stdout));
    const page = (name: string) =>
      readFileSync(join(cwd, name), "utf8")
        .replaceAll(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d[^<]*/g, "")
        .replace("<dt>read</dt><dd>in parts, from </dd>", "");
    expect(readFileSync(join(cwd, "page.html"), "utf8")).toContain("<dd>in parts, from ");
    expect(page("page.html")).toBe(page("whole.html"));
    expect(page("x.xml")).toBe(page("w.xml"));
    const texts = [];
    for (const flags of [
      ["log", ...ANCHOR],
      ["--merge", ...files],
    ]) {
      rmSync(join(cwd, "user"), { recursive: true });
      texts.push((await run(...flags)).stdout);
    }
    const read = /^read       in parts, from .*\n( {11}.*\n)*/m;
    expect(texts[1]).toMatch(read);
    expect(texts[1]?.replace(read, "")).toBe(texts[0]);
  });

  test("a part with findings is 1; the merge lists them, with reports", async () => {
    const { cwd, run, part } = workplace(flip(model, "fleetsec/batch/002.jsonl", 5));
    expect((await part("1/2", "1.json")).code).toBe(0);
    const { code, stdout } = await part("2/2", "2.json");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^PART, batches 2 to 4 of 5: 1 finding\n/);
    expect(stdout).toContain("RECORD_ALTERED  batch 2, line 1");
    const merged = await run("--merge", "1.json", "2.json", "--report", "sarif=out.sarif");
    expect(merged.code).toBe(1);
    expect(merged.stdout).toMatch(/^ALTERED: 1 finding/);
    expect(readFileSync(join(cwd, "out.sarif"), "utf8")).toContain("log/fleetsec/batch/002.jsonl");
  });

  test("a part whose file is not there, or was not named, is exit 3", async () => {
    const { run, part } = workplace();
    await part("1/2", "1.json");
    const named = await run("--merge", "1.json", "2.json", "--allow-unanchored");
    expect(named.code).toBe(3);
    expect(named.stdout).toMatch(/^NOT ESTABLISHED/);
    expect(named.stdout).toContain("the part 2.json is not there");
    expect(named.stdout).toContain("batches 2 to 4 of 5 are in no part");
    expect((await run("--merge", "1.json", "--allow-unanchored")).code).toBe(3);
    const none = await run("--merge", "8.json", "9.json");
    expect([none.code, none.stdout]).toEqual([3, ""]);
    // the control
    await part("2/2", "2.json");
    expect((await run("--merge", "1.json", "2.json", "--allow-unanchored")).code).toBe(0);
  });

  test("a merge of a part of another day is not established, and says from when to when the parts were read", async () => {
    const { cwd, run, part } = workplace();
    for (const index of [1, 2]) await part(`${index}/2`, `${index}.json`, ...ANCHOR);
    const merge = (...flags: string[]) =>
      run("--merge", "1.json", "2.json", "--state", `s${Math.random()}`, "--json", ...flags);
    const text = readFileSync(join(cwd, "1.json"), "utf8");
    const dated = (hours: number) => {
      const time = new Date(Date.now() + hours * 3_600_000).toISOString();
      const read = ["time", "ended"].reduce(
        (was, field) => was.replace(new RegExp(`"${field}":"[^"]*"`), `"${field}":"${time}"`),
        text,
      );
      writeFileSync(join(cwd, "1.json"), read);
      return time;
    };
    const young = dated(-23);
    const good = await merge();
    expect(good.code).toBe(0);
    const { read } = JSON.parse(good.stdout) as { read: { from: string; to: string } };
    expect(read.from).toBe(young);
    expect(Date.parse(read.to)).toBeGreaterThan(Date.parse(young));
    expect(schemaErrors(JSON.parse(good.stdout))).toEqual([]);
    expect((await merge("--max-part-age", "22h")).code).toBe(3);
    dated(-25);
    const old = await merge();
    expect([old.code, old.stdout]).toEqual([3, expect.stringContaining("the part 1.json was read at")]);
    expect((await merge("--max-part-age", "26h")).code).toBe(0);
    dated(1);
    expect((await merge("--max-part-age", "26h")).code).toBe(3);
  });

  test.each<[string, string[], (cwd: string) => void]>([
    ["no store", [], (cwd) => renameSync(join(cwd, "log"), join(cwd, "away"))],
    ["no keys", [], (cwd) => renameSync(join(cwd, "log.pub"), join(cwd, "away"))],
    ["no anchor", ["--anchor", "nowhere"], () => {}],
    [
      "a damaged state",
      ["--state", "kept"],
      (cwd) => {
        mkdirSync(join(cwd, "kept"));
        writeFileSync(join(cwd, "kept/fleet-internal-audit-77656860875e9240.checkpoint"), "x");
      },
    ],
  ])("a part that fails leaves no file, not even that of another day: %s", async (_, flags, damage) => {
    const { cwd, part } = workplace();
    expect((await part("1/2", "1.json")).code).toBe(0);
    expect(existsSync(join(cwd, "1.json"))).toBe(true);
    damage(cwd);
    expect((await part("1/2", "1.json", ...flags)).code).toBe(2);
    expect(existsSync(join(cwd, "1.json"))).toBe(false);
  });

  test("the state is read by the parts, and written by the merge alone", async () => {
    const { cwd, run, part } = workplace();
    expect((await run("log", "--state", "kept")).code).toBe(3);
    const before = readFileSync(
      join(
        cwd,
        "kept",
        readdirSync(join(cwd, "kept")).find((name) => name.endsWith(".checkpoint"))!,
      ),
      "utf8",
    );
    for (const index of [1, 2])
      expect((await part(`${index}/2`, `${index}.json`, "--state", "kept")).code).toBe(0);
    const { code, stdout } = await run("--merge", "1.json", "2.json", "--state", "kept");
    expect(code).toBe(0);
    expect(stdout).toContain("that you kept on");
    expect(before).toContain("fleet.internal/audit\n5\n");
    const elsewhere = await run("--merge", "1.json", "2.json", "--state", "empty");
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain("give every part, and the merge, the same --state");
  });

  test("files that are none, and that were edited", async () => {
    const { cwd, run, part } = workplace();
    for (const index of [1, 2]) await part(`${index}/2`, `${index}.json`, ...ANCHOR);
    const good = readFileSync(join(cwd, "2.json"), "utf8");
    const edits: [string, string][] = [
      ["nothing", ""],
      ["no JSON", "{"],
      ["cut short", good.slice(0, good.length / 2)],
      ["another document", '{"schema":"fleetsec.verify-logs/v1"}'],
      ["an array", "[]"],
      ["another member", good.replace("{", '{"ok":true,')],
      ["a prototype", good.replace("{", '{"__proto__":{"ok":true},')],
      ["a negative count", good.replace('"skipped":0', '"skipped":-1')],
      ["a count that is a text", good.replace('"skipped":0', '"skipped":"0"')],
      ["a code that is none", good.replace('"counts":{}', '"counts":{"FINE":1}')],
      ["deep beyond measure", "[".repeat(100_000)],
    ];
    for (const [what, text] of edits) {
      expect([what, text]).not.toEqual([what, good]);
      writeFileSync(join(cwd, "2.json"), text);
      const { code, stdout } = await run("--merge", "1.json", "2.json", "--json");
      expect([what, code, (JSON.parse(stdout) as { code: string }).code]).toEqual([what, 2, "input"]);
    }
    mkdirSync(join(cwd, "folder"));
    expect((await run("--merge", "1.json", "folder")).code).toBe(2);
    writeFileSync(join(cwd, "2.json"), good);
    expect((await run("--merge", "1.json", "2.json")).code).toBe(0);
  });
});

describe("--range", () => {
  test("with --partial, as parts of any size; beyond the end there is nothing to read", async () => {
    const { run } = workplace();
    for (const range of ["0..2", "2..3", "3..100", "100..200"]) {
      expect((await run("log", "--range", range, "--partial", `${range}.json`, ...ANCHOR)).code).toBe(0);
    }
    const files = ["0..2.json", "2..3.json", "3..100.json"];
    expect((await run("--merge", ...files, "100..200.json")).code).toBe(0);
    const double = await run("--merge", ...files, "2..3.json");
    expect(double.code).toBe(2);
    expect(double.stderr).toContain("both have batch 2");
  });

  test("alone, it is a window like --since: what was not read is said, and nothing is kept", async () => {
    const { cwd, run } = workplace(flip(model, "fleetsec/batch/004.jsonl", 5));
    const { code, stdout } = await run("log", "--range", "1..3", ...ANCHOR);
    expect(code).toBe(0);
    expect(stdout).toContain("checked    2 batches");
    expect(stdout).toContain("the records of 3 batches that were not asked for");
    expect(stdout).toContain("and the records of those that were read");
    expect(stdout).toMatch(/^INTACT and anchored in 2 of 5 batches; 3 not read: /);
    expect(stdout.replace(/\s+/g, " ")).toContain(
      "Not established: anything about the records of 3 batches that were not asked for.",
    );
    const part = await run("log", "--range", "1..3", ...ANCHOR, "--json", "--report", "html=r.html");
    expect(JSON.parse(part.stdout)).toMatchObject({ ok: true, partial: true, checked: { skipped: 3 } });
    expect(readFileSync(join(cwd, "r.html"), "utf8")).toContain(
      "Intact and anchored in 2 of 5 batches; 3 not read</h1>",
    );
    // the control: of what is read wholly, nothing of the kind is said
    const sound = workplace();
    const whole = await sound.run("log", ...ANCHOR);
    expect(whole.stdout).toMatch(/^INTACT and anchored: /);
    expect(whole.stdout).not.toContain("not asked for");
    const { stdout: document } = await sound.run("log", ...ANCHOR, "--json");
    expect(JSON.parse(document)).toMatchObject({ partial: false, checked: { skipped: 0 } });
    expect(existsSync(join(cwd, "user"))).toBe(false);
    expect((await run("log", "--range", "3..", ...ANCHOR)).code).toBe(1);
    const beyond = await run("log", "--range", "5..9", ...ANCHOR);
    expect(beyond.code).toBe(3);
    expect(beyond.stdout).toContain("no batch is within what was asked for");
  });
});

test.each<[string, string[]]>([
  ["a range that is none", ["log", "--range", "5"]],
  ["a range backwards", ["log", "--range", "5..5"]],
  ["a range and a shard", ["log", "--range", "0..5", "--shard", "1/2", "--partial", "x"]],
  ["a shard of none", ["log", "--shard", "0/2", "--partial", "x"]],
  ["a shard beyond", ["log", "--shard", "3/2", "--partial", "x"]],
  ["a shard without a file", ["log", "--shard", "1/2"]],
  ["a file without a part", ["log", "--partial", "x"]],
  ["a part with a verdict's flag", ["log", "--shard", "1/2", "--partial", "x", "--allow-unanchored"]],
  ["a part with a report", ["log", "--shard", "1/2", "--partial", "x", "--report", "junit=j.xml"]],
  ["a part written into the store", ["log", "--shard", "1/2", "--partial", "log/x"]],
  ["a part written nowhere", ["log", "--shard", "1/2", "--partial", "no/such/x"]],
  ["a part over a directory", ["log", "--shard", "1/2", "--partial", "log"]],
  ["a part of a tile log", ["--tlog", "log", "--shard", "1/2", "--partial", "x"]],
  ["a range of a tile log", ["--tlog", "log", "--range", "0..1"]],
  ["a merge with a store", ["log", "--merge", "x"]],
  ["a merge with an anchor", ["--anchor", "published.txt", "--merge", "x"]],
  ["an age of parts without a merge", ["log", "--max-part-age", "1h"]],
  ["an age of parts that is none", ["--merge", "x", "--max-part-age", "soon"]],
  ["a merge with a part", ["--merge", "x", "--partial", "y"]],
  ["a merge of nothing", ["--merge"]],
])("refused: %s", async (_, flags) => {
  const { cwd, run } = workplace();
  const { code, stderr } = await run(...flags);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^fleetsec: error: /)]);
  expect(existsSync(join(cwd, "x"))).toBe(false);
  expect(existsSync(join(cwd, "log/x"))).toBe(false);
});

describe("no result is written over what is not one", () => {
  /** What is there, and must be there afterwards as it was. */
  async function audit() {
    const { cwd, run } = workplace();
    expect((await run("log", "--state", "kept")).code).toBe(3);
    mkdirSync(join(cwd, "anchors"));
    cpSync(join(cwd, "published.txt"), join(cwd, "anchors/one.txt"));
    writeFileSync(join(cwd, "pki.key"), "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n");
    writeFileSync(join(cwd, "notes.txt"), "mine\n");
    symlinkSync("notes.txt", join(cwd, "link"));
    for (const index of [1, 2])
      await run("log", "--shard", `${index}/2`, "--partial", `${index}.json`, ...ANCHOR);
    const kept = readdirSync(join(cwd, "kept")).find((name) => name.endsWith(".checkpoint"))!;
    renameSync(join(cwd, "kept", kept), join(cwd, "kept/x.checkpoint"));
    cpSync(join(cwd, "kept/x.checkpoint"), join(cwd, "kept", kept));
    const tree = () =>
      readdirSync(cwd, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .map((path) => [path, readFileSync(path, "utf8")]);
    return { cwd, run, tree };
  }
  const PART = ["log", "--shard", "1/2", "--partial"];

  test.each<[string, string[]]>([
    ["the trust file", [...PART, "log.pub"]],
    ["the trust file by another path", [...PART, "anchors/../log.pub"]],
    ["an anchor", [...PART, "published.txt", ...ANCHOR]],
    ["a file among the anchors", [...PART, "anchors/one.txt", "--anchor", "anchors"]],
    ["a new file among the anchors", [...PART, "anchors/new.json", "--anchor", "anchors"]],
    ["a git repository that anchors", [...PART, "refs", "--anchor", "git:."]],
    ["a checkpoint in the state", [...PART, "kept/x.checkpoint", "--state", "kept"]],
    ["a new file in the state", [...PART, "kept/new.json", "--state", "kept"]],
    ["a new file in the usual state", [...PART, "user/verified-logs/new.json"]],
    ["certificates of authorities", [...PART, "notes.txt", "--tsa-ca", "notes.txt"]],
    ["a private key", [...PART, "pki.key"]],
    ["anything else", [...PART, "notes.txt"]],
    ["a symlink", [...PART, "link"]],
    ["anything else, where the store is away", ["away", ...PART.slice(1), "notes.txt"]],
    ["an input, where the store is away", ["away", ...PART.slice(1), "log.pub"]],
    ["the trust file, by a report", ["log", "--report", "html=log.pub"]],
    ["a private key, by a report", ["log", "--report", "html=pki.key"]],
    ["an anchor, by a report", ["log", ...ANCHOR, "--report", "junit=published.txt"]],
    ["the state, by a report", ["log", "--state", "kept", "--report", "junit=kept/x.checkpoint"]],
    ["a part that is joined, by a report", ["--merge", "1.json", "2.json", "--report", "html=2.json"]],
    ["a part that is not there yet, by a report", ["--merge", "1.json", "3.json", "--report", "html=3.json"]],
  ])("refused, and nothing is changed: %s", async (_, flags) => {
    const { run, tree } = await audit();
    const before = tree();
    const { code, stderr } = await run(...flags);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^fleetsec: error: /)]);
    expect(tree()).toEqual(before);
  });

  test("the controls: an earlier part, an empty file, an earlier report, a repository's work tree", async () => {
    const { cwd, run } = await audit();
    writeFileSync(join(cwd, "empty"), "");
    for (const file of ["1.json", "empty", "new.json"])
      expect((await run(...PART, file, ...ANCHOR)).code).toBe(0);
    // a new state each time: what the first merge keeps, the parts were not held to
    for (const state of ["first", "second"]) {
      const flags = ["--merge", "1.json", "2.json", "--state", state, "--report", "html=a.html"];
      expect((await run(...flags)).code).toBe(0);
    }
    const git = await run(...PART, "tree.json", "--anchor", "git:.");
    expect(git.stderr).not.toContain("would write over");
  });
});

test("a merge without keys has nothing to go by", async () => {
  const { cwd, part } = workplace();
  await part("1/1", "1.json");
  const { code, stderr } = await runCli(["verify-logs", "--merge", "1.json"], {
    cwd,
    userState: join(cwd, "user"),
  });
  expect([code, stderr]).toEqual([2, expect.stringContaining("--trust is missing")]);
});
