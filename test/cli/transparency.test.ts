import { createHash, generateKeyPairSync } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { changingFile } from "../support/changing-file.ts";
import type { CliOptions } from "../support/cli.ts";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

/** A project with a CA whose inventory is signed into a log of its own. */
async function project() {
  const made = testProject();
  const run = async (argv: string) => made.run(argv.split(" "));
  const ok = async (argv: string) => expect({ argv, ...(await run(argv)) }).toMatchObject({ code: 0 });
  await ok("ca init --insecure-dev-key");
  await ok("logs keygen --origin fleet.internal/issuance --out keys");
  const issue = async (name: string) => {
    await ok(`cert issue ${name} --role tms-connector`);
    return `.fleetsec/certs/${name}/current/cert.pem`;
  };
  const sign = async () =>
    ok("logs sign --in .fleetsec/inventory.jsonl --store issuance --key keys/issuance.key --max-records 1");
  const verifyWith = async (options: CliOptions, ...files: string[]) => {
    const argv = `cert verify ${files.join(" ")} --transparency issuance --trust keys/issuance.pub --state state --allow-unanchored --json`;
    const { code, stdout } = await made.run(argv.split(" "), options);
    const document = JSON.parse(stdout) as { certificates: { reasons: { code: string }[] }[] };
    expect(schemaErrors(document)).toEqual([]);
    return {
      code,
      reasons: document.certificates.map(({ reasons }) => reasons.map((reason) => reason.code)),
    };
  };
  const verify = async (...files: string[]) => verifyWith({}, ...files);
  return { ...made, run, issue, sign, verify, verifyWith };
}

test("a certificate must be in the signed log of the inventory, whether issued, renewed or signed", async () => {
  const { issue, sign, verify, run } = await project();
  const a = await issue("a");
  await sign();
  const b = await issue("b");
  expect(await verify(a)).toEqual({ code: 0, reasons: [[]] });
  expect(await verify(a, b)).toEqual({ code: 1, reasons: [[], ["not-logged"]] });
  await sign();
  expect(await verify(a, b)).toEqual({ code: 0, reasons: [[], []] });
  expect(await run("cert renew a --force")).toMatchObject({ code: 0 });
  expect(await verify(a)).toEqual({ code: 1, reasons: [["not-logged"]] });
  expect(await run("cert revoke b")).toMatchObject({ code: 0 });
  await sign();
  expect(await verify(a)).toEqual({ code: 0, reasons: [[]] });
  expect(await run("verify-logs issuance --trust keys/issuance.pub --state state")).toMatchObject({
    code: 0,
  });
});

test("another certificate with a serial number that is logged is not logged", async () => {
  const { directory, issue, sign, verify } = await project();
  const a = await issue("a");
  // what a thief of the CA's key would do: the log has the serial, of another certificate
  const path = join(directory, ".fleetsec/inventory.jsonl");
  const inventory = readFileSync(path, "utf8");
  expect(inventory).toMatch(/"sha256":"[0-9a-f]{64}"/);
  writeFileSync(path, inventory.replaceAll(/"sha256":"[0-9a-f]{8}/g, '"sha256":"00000000'));
  await sign();
  expect(await verify(a)).toEqual({ code: 1, reasons: [["no-inventory", "not-logged"]] });
});

test("nothing counts that stands in an altered log, though its batch is intact", async () => {
  const { directory, issue, sign, verify } = await project();
  const [a, b] = [await issue("a"), await issue("b")];
  await sign();
  const path = (seq: number) => join(directory, `issuance/fleetsec/batch/00${seq}.jsonl`);
  const batches = [0, 1, 2, 3, 4].filter((seq) => {
    try {
      return readFileSync(path(seq), "utf8").includes('"name":"b"');
    } catch {
      return false;
    }
  });
  expect(batches).toHaveLength(1);
  const altered = path(batches[0] ?? 0);
  const before = readFileSync(altered);
  writeFileSync(altered, before.toString().replace('"name":"b"', '"name":"c"'));
  expect(await verify(a, b)).toEqual({ code: 1, reasons: [["log-altered"], ["log-altered"]] });
  writeFileSync(altered, before);
  expect(await verify(a, b)).toEqual({ code: 0, reasons: [[], []] });
});

test("a certificate in a fork of the log that was verified before is not valid", async () => {
  const { directory, issue, sign, verify } = await project();
  const a = await issue("a");
  await sign();
  expect(await verify(a)).toEqual({ code: 0, reasons: [[]] });
  const path = join(directory, ".fleetsec/inventory.jsonl");
  const inventory = readFileSync(path, "utf8");
  const b = await issue("b");
  // the same key signs another history, with what is asked for in it
  const [header = "", ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
  const forked = [header, ...lines.toReversed()];
  for (const store of ["issuance", "issuance.signer"]) rmSync(join(directory, store), { recursive: true });
  writeFileSync(path, `${forked.join("\n")}\n`);
  await sign();
  expect(await verify(a, b)).toEqual({
    code: 1,
    reasons: [
      ["no-inventory", "log-altered"],
      ["no-inventory", "log-altered"],
    ],
  });
  expect(inventory).not.toContain('"name":"b"');
});

test("the quorum of the trust policy is demanded of the log of issuance", async () => {
  const { directory, issue, sign, verify } = await project();
  const a = await issue("a");
  await sign();
  const path = join(directory, "keys/issuance.pub");
  const log = `log ${readFileSync(path, "utf8").trim()}\n`;
  const pair = generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const key = Buffer.concat([Buffer.of(4), pair]);
  const id = createHash("sha256").update("w.example\n").update(key).digest("hex").slice(0, 8);
  writeFileSync(path, `${log}witness w w.example+${id}+${key.toString("base64")}\nquorum w\n`);
  expect(await verify(a)).toEqual({ code: 1, reasons: [["log-altered"]] });
  writeFileSync(path, `${log}quorum none\n`);
  expect(await verify(a)).toEqual({ code: 0, reasons: [[]] });
});

test("a certificate in a log that is not established is not known to be logged", async () => {
  const { directory, issue, sign, verify } = await project();
  const a = await issue("a");
  await sign();
  const token = join(directory, "issuance/fleetsec/tsr/1.tsr");
  mkdirSync(join(token, ".."), { recursive: true });
  // no authority is named for it, so it cannot be checked
  writeFileSync(token, "0");
  expect(await verify(a)).toEqual({ code: 3, reasons: [["log-not-verified"]] });
  rmSync(token);
  expect(await verify(a)).toEqual({ code: 0, reasons: [[]] });
});

test("a certificate whose batch changes after it was verified is not said to be missing", async () => {
  const { directory, issue, sign, verifyWith } = await project();
  const a = await issue("a");
  await sign();
  const batches = join(directory, "issuance/fleetsec/batch");
  const name = readdirSync(batches).find((one) =>
    readFileSync(join(batches, one), "utf8").includes('"name":"a"'),
  );
  expect(name).toBeDefined();
  const path = join(batches, String(name));
  const before = readFileSync(path);
  const changes = [
    () => rmSync(path),
    () => writeFileSync(path, before.toString().replace('"name":"a"', '"name":"b"')),
  ];
  for (const change of changes) {
    const files = changingFile(String(name), change);
    expect(await verifyWith({ files }, a)).toEqual({ code: 3, reasons: [["log-not-verified"]] });
    writeFileSync(path, before);
    const unchanged = changingFile(String(name), () => {});
    expect(await verifyWith({ files: unchanged }, a)).toEqual({ code: 0, reasons: [[]] });
  }
});

test("--origin says which log must have the certificate, where the trust file has keys of several", async () => {
  const { directory, issue, sign, run } = await project();
  const a = await issue("a");
  await sign();
  expect(await run("logs keygen --origin fleet.internal/other --out keys")).toMatchObject({ code: 0 });
  const pubs = ["issuance", "other"].map((name) => readFileSync(join(directory, `keys/${name}.pub`), "utf8"));
  writeFileSync(join(directory, "both.pub"), pubs.join(""));
  const asked = `cert verify ${a} --transparency issuance --trust both.pub --state state --allow-unanchored --origin fleet.internal`;
  expect(await run(`${asked}/issuance`)).toMatchObject({ code: 0 });
  expect(await run(`${asked}/other`)).toMatchObject({ code: 1, stdout: expect.stringContaining("altered") });
  expect(await run(`${asked}/none`)).toMatchObject({ code: 2 });
  expect(await run(`cert verify ${a} --origin fleet.internal/issuance`)).toMatchObject({ code: 2 });
});

test("--transparency wants a store and a trust file", async () => {
  const { issue, sign, run } = await project();
  const a = await issue("a");
  await sign();
  expect(await run(`cert verify ${a} --transparency issuance`)).toMatchObject({ code: 2 });
  expect(await run(`cert verify ${a} --trust keys/issuance.pub`)).toMatchObject({ code: 2 });
  expect(
    (await run(`cert verify ${a} --transparency none --trust keys/issuance.pub --state state`)).code,
  ).not.toBe(0);
});

test("a revocation in the log counts, whatever the CRL and the inventory at hand are", async () => {
  const { directory, issue, sign, verify, run } = await project();
  const [a, b] = [await issue("a"), await issue("b")];
  const state = join(directory, ".fleetsec");
  const old = join(directory, "old");
  cpSync(state, old, { recursive: true, verbatimSymlinks: true });
  expect(await run("cert revoke a --reason keyCompromise")).toMatchObject({ code: 0 });
  await sign();
  // the project's own files know of it: it is said once
  expect(await verify(a, b)).toEqual({ code: 1, reasons: [["revoked"], []] });
  writeFileSync(join(directory, "anchor"), readFileSync(join(directory, "issuance/checkpoint")));
  rmSync(state, { recursive: true });
  renameSync(old, state);
  expect(await run(`cert verify ${a}`)).toMatchObject({ code: 0, stderr: "" });
  const asked = "--transparency issuance --trust keys/issuance.pub --state fresh --anchor anchor";
  const { code, stdout, stderr } = await run(`cert verify ${a} ${asked}`);
  expect(code).toBe(1);
  const said = stdout.replaceAll(/\s+/g, " ");
  expect(said).toMatch(/was revoked at \S+Z, reason keyCompromise, by batch 4 of the log of issuance/);
  expect(said).toContain("and the CRL that was used does not say so (revoked)");
  expect(said).not.toContain("not revoked");
  expect(stderr).toMatch(/log of issuance tells of CRL 2 of CN=.*; the one that was used is number 1\n/);
  expect(await verify(a, b)).toEqual({ code: 1, reasons: [["revoked"], []] });
  // a log that does not stand as a whole revokes nothing
  const batch = join(directory, "issuance/fleetsec/batch/000.jsonl");
  writeFileSync(batch, `${readFileSync(batch, "utf8")}x`);
  expect(await verify(a, b)).toEqual({ code: 1, reasons: [["log-altered"], ["log-altered"]] });
});
