import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseCheckpoint } from "../../src/logs/checkpoint.ts";
import { parseNote } from "../../src/logs/note.ts";
import { type CliResult, runCli } from "../support/cli.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const origin = "fleet.internal/audit";
/** A line of a key's PEM. */
const base64 = "MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const event = `{"timestamp":"2025-11-23T06:00:00Z","service":"s","event_type":"alert","request_id":"r"}\n`;

/** A directory with keys and a log of two events, and how to run a command line in it. */
async function project(): Promise<{ directory: string; run: (...argv: string[]) => Promise<CliResult> }> {
  const directory = scratch();
  const run = async (...argv: string[]) => runCli(argv, { cwd: directory });
  writeFileSync(join(directory, "a.log"), event.repeat(2));
  expect((await run("logs", "keygen", "--origin", origin, "--out", "keys")).code).toBe(0);
  return { directory, run };
}

const sign = ["logs", "sign", "--in", "a.log", "--store", "store", "--key", "keys/audit.key"];

describe("logs keygen", () => {
  test("says where the keys are, in text and in JSON", async () => {
    const directory = scratch();
    const text = await runCli(["logs", "keygen", "--origin", origin], { cwd: directory });
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(
      /^private key {3}.*audit\.key\npublic key.*audit\.pub\nverifier key {2}fleet\.internal\/audit\+/,
    );
    const json = await runCli(
      ["logs", "keygen", "--origin", origin, "--type", "p256", "--out", "b", "--json"],
      {
        cwd: directory,
      },
    );
    const document = JSON.parse(json.stdout) as { files: { key: string; pub: string }; verifierKey: string };
    expect(schemaErrors(document)).toEqual([]);
    expect(readFileSync(document.files.pub, "utf8")).toBe(`${document.verifierKey}\n`);
    expect(json.stdout).not.toContain("PRIVATE");
  });

  test.each([
    ["", "fleet.internal/audit"],
    ["logs:\n  origin: logs.example/7\n", "logs.example/7"],
  ])("takes the origin from the project: %j", async (logs, expected) => {
    const directory = scratch();
    const yaml = `version: 1\nname: p\ndomain: fleet.internal\n${logs}`;
    writeFileSync(join(directory, "fleetsec.yaml"), yaml);
    const { stdout } = await runCli(["logs", "keygen", "--json"], { cwd: directory });
    expect(JSON.parse(stdout)).toMatchObject({ origin: expected });
  });

  test.each([
    ["a key type that is none", ["--origin", origin, "--type", "rsa"]],
    ["an origin that is none", ["--origin", "a b"]],
    ["no origin", []],
  ])("refuses %s", async (_, flags) => {
    const directory = scratch();
    expect((await runCli(["logs", "keygen", ...flags], { cwd: directory })).code).toBe(2);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("overwrites no key", async () => {
    const { directory, run } = await project();
    const before = readFileSync(join(directory, "keys", "audit.key"), "utf8");
    const again = await run("logs", "keygen", "--origin", origin, "--out", "keys", "--json");
    expect(again.code).toBe(2);
    expect(JSON.parse(again.stdout)).toMatchObject({ schema: "fleetsec.error/v1", code: "exists" });
    expect(readFileSync(join(directory, "keys", "audit.key"), "utf8")).toBe(before);
  });
});

describe("logs sign", () => {
  test("prints origin, size and root, in text and in JSON", async () => {
    const { directory, run } = await project();
    const text = await run(...sign);
    expect(text).toMatchObject({ code: 0, stderr: "" });
    const { size, root } = parseCheckpoint(parseNote(readFileSync(join(directory, "store/checkpoint"))).text);
    expect(size).toBe(1);
    expect(text.stdout).toBe(
      `origin  ${origin}\nsize    1 batch\nroot    ${Buffer.from(root).toString("base64")}\n` +
        `signed  2 records (${2 * event.length} bytes) in 1 batch\n`,
    );
    const json = await run(...sign, "--json");
    expect(json.code).toBe(0);
    const document = JSON.parse(json.stdout) as unknown;
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({ origin, size: 1, root: Buffer.from(root).toString("base64") });
    expect((await run(...sign)).stdout).toContain("signed  nothing new to sign\n");
  });

  test("takes limits, several inputs and several keys", async () => {
    const { directory, run } = await project();
    expect((await run("logs", "keygen", "--origin", origin, "--type", "p256", "--out", "hsm")).code).toBe(0);
    writeFileSync(join(directory, "b.log"), event);
    const flags = ["--in", "b.log", "--key", "hsm/audit.key", "--max-records", "2", "--interval", "1h"];
    const { code, stdout } = await run(...sign, ...flags, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ size: 2, signed: { batches: 2, records: 3 } });
    expect(readFileSync(join(directory, "store/checkpoint"), "utf8").match(/^— /gm)).toHaveLength(2);
  });

  test("takes the store and its limits from the project", async () => {
    const { directory, run } = await project();
    writeFileSync(
      join(directory, "fleetsec.yaml"),
      "version: 1\nname: p\ndomain: fleet.internal\nlogs:\n  store: signed\n  max_records: 1\n",
    );
    const { code } = await run("logs", "sign", "--in", "a.log", "--key", "keys/audit.key");
    expect(code).toBe(0);
    expect(readdirSync(join(directory, "signed/fleetsec/batch"))).toHaveLength(2);
  });

  test("reads standard input", async () => {
    const { directory } = await project();
    const argv = ["logs", "sign", "--in", "-", "--store", "store", "--key", "keys/audit.key", "--json"];
    const { code, stdout } = await runCli(argv, { cwd: directory, stdin: "a\nb\n" });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ signed: { records: 2 } });
  });

  test("tells of names that it passes over and of a line that it split", async () => {
    const { directory, run } = await project();
    appendFileSync(join(directory, "a.log"), "half");
    await run(...sign);
    appendFileSync(join(directory, "a.log"), " a line\n");
    const { code, stderr } = await run(...sign, "--in", ".", "--new-input");
    expect(code).toBe(0);
    expect(stderr).toContain("fleetsec: warning:");
    expect(stderr).toMatch(/^passed over .*keys: no plain log file$/m);
  });

  test.each([
    ["without a store", ["--key", "keys/audit.key", "--in", "a.log"], "usage"],
    ["with an interval that is none", [...sign.slice(2), "--interval", "5"], "usage"],
    ["with a count that is none", [...sign.slice(2), "--max-records", "0"], "usage"],
    ["with a count that is too large", [...sign.slice(2), "--max-records", "10000001"], "usage"],
    ["with threads that are none", [...sign.slice(2), "--threads", "0"], "usage"],
    ["with threads to follow", [...sign.slice(2), "--follow", "--threads", "2"], "usage"],
    ["with one key twice", [...sign.slice(2), "--key", "keys/audit.key"], "usage"],
    ["with a key that is missing", ["--in", "a.log", "--store", "store", "--key", "none"], "not-found"],
    ["with a key that is none", ["--in", "a.log", "--store", "store", "--key", "a.log"], "input"],
    ["with a directory for a key", ["--in", "a.log", "--store", "store", "--key", "keys"], "input"],
    ["with an input that is missing", [...sign.slice(4), "--in", "none"], "not-found"],
    [
      "with a store that holds other things",
      [...sign.slice(2, 4), "--store", "keys", ...sign.slice(6)],
      "input",
    ],
  ])("is refused %s, and nothing is written", async (_, flags, code) => {
    const { directory, run } = await project();
    chmodSync(join(directory, "a.log"), 0o600);
    const before = readdirSync(directory, { recursive: true });
    const result = await run("logs", "sign", ...flags, "--json");
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ code });
    expect(readdirSync(directory, { recursive: true })).toEqual(before);
  });

  test.each(["keys", "link"])("is refused where it would publish the private key: %s", async (input) => {
    const { directory, run } = await project();
    symlinkSync("keys/audit.key", join(directory, "link"));
    const { code, stdout } = await run(...sign, "--in", input, "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ code: "refused" });
    expect(readdirSync(directory)).toEqual(["a.log", "keys", "link"]);
  });

  test.each([
    ["another log's", `PRIVATE+KEY+other.example/log+0a1b2c3d+${base64}\n`],
    ["a P-256 log's", `name: other.example/log\n-----BEGIN PRIVATE KEY-----\n${base64}\n`],
    ["a certificate's", `-----BEGIN EC PRIVATE KEY-----\r\n${base64}\r\n`],
    [
      "an encrypted one with its attributes",
      `Bag Attributes\n    friendlyName: x\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n${base64}\n`,
    ],
    [
      "OpenSSL's older form, encrypted",
      `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n${base64}\n`,
    ],
    ["one in narrow lines", `-----BEGIN PRIVATE KEY-----\nMC4C\nAQAw\n-----END PRIVATE KEY-----\n`],
    [
      "one behind a certificate",
      `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n${base64}\n`,
    ],
  ])("is refused where it would publish another private key: %s", async (_, text) => {
    const { directory, run } = await project();
    writeFileSync(join(directory, "b.log"), text);
    expect(await run(...sign, "--in", "a.log", "--store", "control")).toMatchObject({ code: 0 });
    const { code, stdout } = await run(...sign, "--in", "a.log", "b.log", "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ code: "refused" });
    expect(existsSync(join(directory, "store"))).toBe(false);
    // what merely speaks of one is a record like any other
    writeFileSync(join(directory, "b.log"), `{"reason":"${text.split("\n")[0]}"}\n`);
    expect(await run(...sign, "--in", "a.log", "b.log")).toMatchObject({ code: 0 });
  });

  test.each([
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "PRIVATE+KEY+other.example/log+0a1b2c3d+",
    `PRIVATE+KEY+other.example/log+0a1b2c3d+${base64}`,
  ])("is not stopped by a line that begins as a key does: %s", async (line) => {
    const { directory, run } = await project();
    writeFileSync(join(directory, "b.log"), "one\n");
    const argv = [...sign, "--in", "b.log"];
    expect(await run(...argv)).toMatchObject({ code: 0 });
    appendFileSync(join(directory, "b.log"), `${line}\n`);
    expect(await run(...argv)).toMatchObject({ code: 0 });
    appendFileSync(join(directory, "b.log"), `OK\nOK then\n${base64}\n-----END\n`);
    expect(await run(...argv)).toMatchObject({ code: 0 });
    const verify = ["verify-logs", "store", "--trust", "keys/audit.pub", "--state", "state"];
    expect(await run(...verify, "--allow-unanchored")).toMatchObject({ code: 0 });
  });

  test("is refused with a key that others can read", async () => {
    const { directory, run } = await project();
    chmodSync(join(directory, "keys", "audit.key"), 0o644);
    const { code, stderr } = await run(...sign);
    expect(code).toBe(2);
    expect(stderr).toContain("hint: chmod 600 ");
    expect(existsSync(join(directory, "store"))).toBe(false);
  });
});

describe("logs lint", () => {
  test("ends 0 on right events, and 1 with file and line on others", async () => {
    const { directory, run } = await project();
    const right = await run("logs", "lint", "--in", "a.log");
    expect(right).toMatchObject({ code: 0, stdout: "2 records checked: every one is a right event\n" });
    appendFileSync(join(directory, "a.log"), '{"a\u001b":1,"a\\u001b":2}\n');
    const wrong = await run("logs", "lint", "--in", "a.log");
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(/^a\.log:3 {2}NOT_JSON /);
    const json = await run("logs", "lint", "--in", "a.log", "--json");
    expect(json.code).toBe(1);
    const document = JSON.parse(json.stdout) as unknown;
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({ ok: false, faults: 1, findings: [{ line: 3, code: "NOT_JSON" }] });
  });

  test("of no record at all nothing is established", async () => {
    const { directory, run } = await project();
    writeFileSync(join(directory, "empty.log"), "");
    const { code, stdout } = await run("logs", "lint", "--in", "empty.log");
    expect(code).toBe(3);
    expect(stdout).toMatch(/^0 records checked: nothing is established\nhint: /);
    const json = await run("logs", "lint", "--in", "empty.log", "--json", "--report", "junit=r.xml");
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, faults: 0, checked: { records: 0 } });
    expect(readFileSync(join(directory, "r.xml"), "utf8")).toContain("there is no record in the inputs");
    // one record is enough
    expect((await run("logs", "lint", "--in", "empty.log", "a.log")).code).toBe(0);
  });

  test("shows no control characters, and what it does not list it counts", async () => {
    const { directory, run } = await project();
    writeFileSync(join(directory, "a.log"), '{"\\u001b[31m":1,"\\u001b[31m":2}\n'.repeat(1001));
    const { code, stdout } = await run("logs", "lint", "--in", "a.log", "keys");
    expect(code).toBe(1);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toMatch(/\n… and \d+ more\n\n\d+ records checked: \d+ findings\n$/);
  });

  test("passes over what is no plain log file, and reads standard input", async () => {
    const { directory } = await project();
    const { code, stderr } = await runCli(["logs", "lint", "--in", ".", "-"], {
      cwd: directory,
      stdin: event,
    });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^passed over .*keys/);
  });
});
