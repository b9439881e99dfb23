import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventOf, readStore } from "../logs/store-model.ts";
import { runCli } from "../support/cli.ts";
import { describeWithEngines } from "./engines.ts";

const LINES = 200_000;

// golang.org/x/mod/sumdb/note and tlog v0.42.0
describeWithEngines(["go"], "Go's note and tlog", ({ go }) => {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const program = join(directory, "tlogverify");
  const store = join(directory, "store");
  const sizes: number[] = [];
  let key = "";

  const sign = async (...flags: string[]) => {
    const argv = ["logs", "sign", "--in", "audit.log", "--store", "store", "--key", "audit.key", ...flags];
    const { stdout } = await runCli([...argv, "--json"], { cwd: directory });
    return (JSON.parse(stdout) as { size: number }).size;
  };
  const verify = () => {
    const { status, stdout, stderr } = spawnSync(program, [store, key], { encoding: "utf8" });
    return { status, stdout, stderr };
  };

  beforeAll(async () => {
    const source = new URL("go/tlogverify", import.meta.url).pathname;
    execFileSync(go.path, ["build", "-o", program, "."], { cwd: source, stdio: "pipe" });
    const keygen = ["logs", "keygen", "--origin", "fleet.internal/audit"];
    await runCli(keygen, { cwd: directory });
    key = readFileSync(join(directory, "audit.pub"), "utf8").trim();
    const lines = Array.from({ length: LINES }, (_, n) => `${JSON.stringify(eventOf(n))}\n`);
    // in three runs, the first of which makes a full tile
    writeFileSync(join(directory, "audit.log"), lines.slice(0, 3_000).join(""));
    sizes.push(await sign("--max-records", "10"));
    writeFileSync(join(directory, "audit.log"), lines.slice(0, 150_000).join(""));
    sizes.push(await sign("--max-records", "50000"));
    writeFileSync(join(directory, "audit.log"), lines.join(""));
    sizes.push(await sign());
  }, 180_000);

  describe("proofs", () => {
    const checker = join(directory, "proofverify");
    const prove = (...flags: string[]) => {
      rmSync(join(directory, "proof"), { force: true });
      return runCli(["logs", "prove", "--store", "store", "--out", "proof", ...flags], { cwd: directory });
    };
    const check = (...files: string[]) => {
      const argv = [key, ...files.map((file) => join(directory, file))];
      const { status, stdout, stderr } = spawnSync(checker, argv, { encoding: "utf8" });
      return { status, stdout, stderr };
    };
    beforeAll(() => {
      const source = new URL("go/proofverify", import.meta.url).pathname;
      execFileSync(go.path, ["build", "-o", checker, "."], { cwd: source, stdio: "pipe" });
    });

    test("of a record are accepted, in batches of every kind", async () => {
      for (const [place, n] of [
        ["0:1", 0],
        ["255:7", 2_556],
        ["301:50000", 102_999],
        ["303:44", 150_043],
      ] as const) {
        expect((await prove("--record", place)).code).toBe(0);
        const record = JSON.stringify(eventOf(n));
        expect(check("proof")).toEqual({ status: 0, stdout: `${place} ${record}\n`, stderr: "" });
      }
    });

    test("of a record that was edited are refused", async () => {
      await prove("--record", "255:7");
      const proof = readFileSync(join(directory, "proof"), "utf8");
      const [, extra = ""] = /^extra (.*)$/m.exec(proof) ?? [];
      const edited = Buffer.from(extra, "base64").toString("latin1").replace("request_id", "request_iD");
      const other = proof.replace(extra, Buffer.from(edited, "latin1").toString("base64"));
      writeFileSync(join(directory, "edited"), other);
      expect(check("edited")).toMatchObject({ status: 1, stdout: "" });
    });

    test("of consistency are accepted, and refused for another checkpoint", async () => {
      for (const size of [1, 256, 300, 303]) {
        expect((await prove("--from", String(size))).code).toBe(0);
        const old = `store/fleetsec/checkpoint/${size}`;
        expect(check("proof", old)).toEqual({ status: 0, stdout: `304 extends ${size}\n`, stderr: "" });
      }
      expect(check("proof", "store/fleetsec/checkpoint/300").status).toBe(1);
    });
  });

  test(`accept the store of a log of ${LINES} lines`, () => {
    expect(sizes).toEqual([300, 303, 304]);
    expect(verify()).toEqual({
      status: 0,
      stdout: `304 leaves, ${LINES} records, 303 consistency proofs\n`,
      stderr: "",
    });
  });

  describe("refuse it when one byte is changed", () => {
    test.each([
      ["checkpoint", "signature"],
      ["fleetsec/checkpoint/17", "signature"],
      ["tile/0/000", "inconsistent tile"],
      ["tile/1/000.p/1", "inconsistent tile"],
      ["tile/entries/001.p/48", ""],
      ["fleetsec/batch/302.jsonl", "the leaf does not say"],
    ])("in %s", (path, message) => {
      const original = readStore(store).get(path) ?? Buffer.of();
      const changed = Buffer.from(original);
      changed[10] = (changed[10] as number) ^ 1;
      writeFileSync(join(store, path), changed);
      const { status, stderr } = verify();
      writeFileSync(join(store, path), original);
      expect(status).toBe(1);
      expect(stderr).toContain(message);
    });
  });
});
