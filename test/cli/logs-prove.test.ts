import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { eventOf, modelSigner, modelStore, type StoreFiles, writeStore } from "../logs/store-model.ts";
import { change } from "../logs/verify/tamper.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { runCli } from "../support/cli.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(3, 5));
});

function workplace(store = model): string {
  const cwd = scratch();
  writeStore(join(cwd, "log"), store);
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  return cwd;
}

const prove = (cwd: string, ...flags: string[]) =>
  runCli(["logs", "prove", "--store", "log", ...flags], { cwd });
const verify = (cwd: string, file: string, ...flags: string[]) =>
  runCli(["logs", "verify-proof", file, "--trust", "log.pub", ...flags], { cwd });

describe("logs prove and verify-proof", () => {
  test("--record: the proof goes to standard output, and is verified without the log", async () => {
    const cwd = workplace();
    const { code, stdout } = await prove(cwd, "--record", "1:3");
    expect(code).toBe(0);
    writeFileSync(join(cwd, "proof"), stdout);
    const alone = scratch();
    for (const name of ["proof", "log.pub"]) writeFileSync(join(alone, name), readFileSync(join(cwd, name)));
    const text = await verify(alone, "proof");
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(text.stdout).toContain("batch 1, line 3");
    expect(text.stdout).toContain(JSON.stringify(eventOf(7)));
    const json = await verify(alone, "proof", "--json");
    const document = JSON.parse(json.stdout) as { record: { bytes: string } };
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({ ok: true, kind: "inclusion", record: { seq: 1, line: 3 } });
    expect(Buffer.from(document.record.bytes, "base64").toString()).toBe(JSON.stringify(eventOf(7)));
  });

  test("--origin says which log's record it must be, where the trust file has keys of several", async () => {
    const cwd = workplace();
    const other = formatVerifierKey(modelSigner("other.example/log").key);
    writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n${other}\n`);
    expect((await prove(cwd, "--record", "1:3", "--out", "proof")).code).toBe(0);
    expect((await prove(cwd, "--from", "2", "--out", "consistency")).code).toBe(0);
    const old = ["--old", "log/fleetsec/checkpoint/2"];
    for (const [file, line, ...flags] of [
      ["proof", "PROVED: the record is in the log fleet.internal/audit"],
      ["consistency", "CONSISTENT: the log fleet.internal/audit", ...old],
    ] as const) {
      for (const origin of [[], ["--origin", "fleet.internal/audit"]]) {
        const own = await verify(cwd, file, ...flags, ...origin);
        expect(own).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`^${line}$`, "m")) });
      }
      const wanted = await verify(cwd, file, ...flags, "--origin", "other.example/log");
      expect(wanted).toMatchObject({ code: 1, stdout: expect.stringContaining("ORIGIN_MISMATCH") });
      expect(await verify(cwd, file, ...flags, "--origin", "none")).toMatchObject({ code: 2 });
    }
  });

  test("a record with control characters does not reach the terminal as it is", async () => {
    const cwd = workplace(await modelStore([{ data: Buffer.from("a\u001b[2Jb\n"), from: 1, to: 2 }]));
    expect((await prove(cwd, "--record", "0:1", "--out", "proof")).code).toBe(0);
    const { stdout } = await verify(cwd, "proof");
    expect(stdout).not.toContain("\u001b");
  });

  test("--out: replaces no file, and nothing of the store", async () => {
    const cwd = workplace();
    const inside = await prove(cwd, "--record", "1:3", "--out", "log/fleetsec/batch/001.jsonl");
    expect(inside).toMatchObject({ code: 2 });
    expect(inside.stderr).toContain("--out lies within the store");
    expect(readFileSync(join(cwd, "log/fleetsec/batch/001.jsonl"))).toEqual(
      model.get("fleetsec/batch/001.jsonl"),
    );
    const outside = ["--record", "1:3", "--out", "proof"];
    expect(await prove(cwd, ...outside)).toMatchObject({ code: 0 });
    expect(await prove(cwd, ...outside)).toMatchObject({ code: 2 });
  });

  test("--request-id: one record, or each of several into a directory", async () => {
    const cwd = workplace();
    const id = eventOf(9)["request_id"] as string;
    const one = await prove(cwd, "--request-id", id, "--out", "one.tlog-proof", "--json");
    expect(schemaErrors(JSON.parse(one.stdout))).toEqual([]);
    expect((await verify(cwd, "one.tlog-proof")).stdout).toContain("batch 1, line 5");
    expect(statSync(join(cwd, "one.tlog-proof")).size).toBeLessThan(4096);

    const twice = Buffer.from('{"request_id":"r"}\n{"request_id":"s"}\n{"request_id":"r"}\n');
    const both = workplace(await modelStore([{ data: twice, from: 1, to: 2 }]));
    const refused = await prove(both, "--request-id", "r", "--out", "proofs");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--record 0:3");
    expect(readdirSync(both)).not.toContain("proofs");
    mkdirSync(join(both, "proofs"));
    expect((await prove(both, "--request-id", "r", "--out", "proofs")).code).toBe(0);
    expect(readdirSync(join(both, "proofs")).sort()).toEqual(["0-1.tlog-proof", "0-3.tlog-proof"]);
    expect((await verify(both, "proofs/0-3.tlog-proof")).code).toBe(0);
  });

  test("--from: consistency, held to an older checkpoint", async () => {
    const cwd = workplace();
    expect((await prove(cwd, "--from", "1", "--out", "grown")).code).toBe(0);
    const older = await verify(cwd, "grown", "--old", "log/fleetsec/checkpoint/1", "--json");
    expect(schemaErrors(JSON.parse(older.stdout))).toEqual([]);
    expect(older.code).toBe(0);
    const other = await verify(cwd, "grown", "--old", "log/fleetsec/checkpoint/2");
    expect(other.code).toBe(1);
    expect(other.stdout).toContain("NOT_CONSISTENT");
    expect(other.stdout).toContain("older      the log at 2 batches");
    expect(other.stdout).not.toContain("extends  ");
    expect((await verify(cwd, "grown", "--old", "log/fleetsec/checkpoint/1")).stdout).toContain(
      "extends    the log at 1 batch\n",
    );
    expect((await verify(cwd, "grown")).code).toBe(2);
  });

  test("--size: against an older checkpoint", async () => {
    const cwd = workplace();
    expect((await prove(cwd, "--record", "0:1", "--size", "2", "--out", "proof")).code).toBe(0);
    expect((await verify(cwd, "proof")).stdout).toContain("2 batches");
    expect((await prove(cwd, "--record", "2:1", "--size", "2")).code).toBe(2);
  });

  test("a proof under an unknown key, or of an edited record, ends with 1", async () => {
    const cwd = workplace();
    await prove(cwd, "--record", "1:3", "--out", "proof");
    writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner("other.example/log").key)}\n`);
    const { code, stdout } = await verify(cwd, "proof");
    expect(code).toBe(1);
    expect(stdout).toContain("ORIGIN_MISMATCH");
    expect(stdout).toContain("NOT PROVED");
  });

  test("a proof that is cut short ends with 1", async () => {
    const cwd = workplace();
    await prove(cwd, "--record", "1:3", "--out", "proof");
    const whole = readFileSync(join(cwd, "proof"));
    expect((await verify(cwd, "proof")).code).toBe(0);
    writeFileSync(join(cwd, "proof"), whole.subarray(0, 200));
    const { code, stdout } = await verify(cwd, "proof", "--json");
    expect(code).toBe(1);
    const document = JSON.parse(stdout) as unknown;
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({ ok: false, findings: [{ code: "PROOF_MALFORMED" }] });
  });

  test("bad input ends with 2, and nothing is written", async () => {
    const cwd = workplace(change(model, "fleetsec/batch/001.jsonl", (bytes) => bytes.subarray(9)));
    const before = readdirSync(cwd);
    for (const flags of [
      [],
      ["--record", "1"],
      ["--record", "1:0"],
      ["--record", "9:1"],
      ["--record", "0:99"],
      ["--record", "1:2"],
      ["--record", "0:1", "--from", "1"],
      ["--from", "0"],
      ["--from", "4"],
      ["--request-id", "none"],
      ["--record", "0:1", "--size", "7"],
    ]) {
      const { code, stdout } = await prove(cwd, ...flags, "--out", "proof");
      expect([flags, code, stdout]).toEqual([flags, 2, ""]);
    }
    expect((await prove(cwd, "--record", "0:1", "--json")).code).toBe(2);
    expect((await runCli(["logs", "prove", "--store", "nowhere", "--record", "0:1"], { cwd })).code).toBe(2);
    writeFileSync(join(cwd, "junk"), "junk");
    expect((await verify(cwd, "junk")).code).toBe(2);
    expect((await verify(cwd, "none")).code).toBe(2);
    expect(readdirSync(cwd)).toEqual([...before, "junk"].sort());
  });

  test("--request-id: where records are too long to be looked at, it says so", async () => {
    const long = `{"request_id":"b","note":"${"x".repeat(1 << 21)}"}`;
    const data = Buffer.from(`{"request_id":"a"}\n${long}\n`);
    const cwd = workplace(await modelStore([{ data, from: 1, to: 1 }]));
    const missing = await prove(cwd, "--request-id", "b");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("not looked at: 1 record of more than 1 MiB");
    expect((await prove(workplace(), "--request-id", "b")).stderr).not.toContain("not looked at");
    expect((await prove(cwd, "--request-id", "a")).code).toBe(0);
  });
});
