import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { modelSigner, modelStore, type StoreFiles, writeStore } from "../logs/store-model.ts";
import { flip, without } from "../logs/verify/tamper.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { scratch } from "../support/scratch.ts";

const cli = new URL("../../bin/fleetsec.js", import.meta.url).pathname;

/** What the built program says of a store, with so many threads. */
async function verify(cwd: string, threads: number, ...flags: string[]) {
  const argv = ["verify-logs", "log", "--trust", "log.pub", "--state", "kept", "--deep", "--json", ...flags];
  const run = promisify(execFile)(process.execPath, [cli, ...argv, "--threads", String(threads)], { cwd });
  const { stdout, code } = await run.then(
    (result) => ({ ...result, code: 0 }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code, document: JSON.parse(stdout) as unknown };
}

function workplace(store: StoreFiles, signers = [modelSigner()]): string {
  const cwd = scratch();
  writeStore(join(cwd, "log"), store);
  writeFileSync(join(cwd, "log.pub"), signers.map(({ key }) => `${formatVerifierKey(key)}\n`).join(""));
  return cwd;
}

test("threads find what one thread finds", async () => {
  const model = await modelStore(batchesOf(7, 30));
  let altered = flip(model, "fleetsec/batch/002.jsonl", 700);
  altered = flip(altered, "fleetsec/hashes/004", 40);
  altered = without(altered, "fleetsec/batch/005.jsonl");
  const cwd = workplace(altered);
  const [alone, threaded] = await Promise.all([verify(cwd, 1), verify(cwd, 3)]);
  expect(threaded).toEqual(alone);
  expect(alone.code).toBe(1);
  expect(alone.document).toMatchObject({
    checked: { batches: 5, records: 150, deep: true },
    findings: [
      { code: "RECORD_ALTERED", seq: 2 },
      { code: "SIDECAR_ALTERED", seq: 4 },
      { code: "BATCH_MISSING", seq: 5 },
    ],
  });
});

test("threads find an intact log intact", async () => {
  const cwd = workplace(await modelStore(batchesOf(7, 30)));
  const { code, document } = await verify(cwd, 3);
  expect(document).toMatchObject({ findings: [], checked: { batches: 7, records: 210, deep: true } });
  // nothing anchors it yet
  expect(code).toBe(3);
});

test("threads find the checkpoint that a key did not sign, where all must", async () => {
  const signers = [modelSigner(), modelSigner("fleet.internal/audit", "second")];
  // so many that threads open them too
  const model = await modelStore(batchesOf(300, 1), signers);
  const path = "fleetsec/checkpoint/250";
  const lines = (model.get(path) ?? Buffer.of()).toString().split("\n");
  const cwd = workplace(model.set(path, Buffer.from(lines.toSpliced(-2, 1).join("\n"))), signers);
  const [alone, threaded] = await Promise.all([verify(cwd, 1, "--all-keys"), verify(cwd, 3, "--all-keys")]);
  expect(threaded).toEqual(alone);
  expect(alone).toMatchObject({ code: 1, document: { findings: [{ code: "SIG_MISSING", path }] } });
  // the control: one signature is enough, and nothing anchors it yet
  const { code, document } = await verify(cwd, 3);
  expect([code, document]).toMatchObject([3, { findings: [], checked: { batches: 300 } }]);
});
