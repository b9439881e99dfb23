import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseNote } from "../../src/logs/note.ts";
import { formatRotation } from "../../src/logs/rotation.ts";
import { systemExec } from "../../src/platform/exec.ts";
import { type CliOptions, runCli } from "../support/cli.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const event = `{"timestamp":"2025-11-23T06:00:00Z","service":"s","event_type":"alert","request_id":"r"}\n`;
const passphrase = "correct horse battery";

/** A directory with a log of one event and the keys `old` and `next`, and how to work in it. */
async function project(type = "ed25519") {
  const directory = scratch();
  let audits = 0;
  const run = async (argv: string, options: CliOptions = {}) =>
    runCli(argv.split(" "), { cwd: directory, userState: join(directory, "user"), ...options });
  /** How a verification with that trust file ends, for an auditor who has seen nothing before. */
  const verify = async (trust: string) => {
    writeFileSync(join(directory, "trust"), trust);
    const state = `state-${(audits += 1)}`;
    const { code, stdout } = await run(
      `verify-logs store --trust trust --allow-unanchored --json --state ${state}`,
    );
    const { findings = [] } = JSON.parse(stdout) as { findings?: { code: string }[] };
    return { code, codes: findings.map((finding) => finding.code) };
  };
  const pub = (name: string) => readFileSync(join(directory, name, "audit.pub"), "utf8").trim();
  const keygen = async (name: string, ...more: string[]) => {
    const env = { FLEETSEC_PASSPHRASE: passphrase };
    expect(
      await run(
        ["logs keygen --origin fleet.internal/audit --out", name, "--type", type, ...more].join(" "),
        { env },
      ),
    ).toMatchObject({ code: 0 });
  };
  await keygen("old");
  await keygen("next");
  const log = () => appendFileSync(join(directory, "a.log"), event);
  log();
  return { directory, run, keygen, log, pub, verify };
}

const sign = "logs sign --in a.log --store store";
const rotate = "logs rotate-key --store store --key old/audit.key --new-key next/audit.key";

describe("an encrypted key", () => {
  test.each(["ed25519", "p256"])("of type %s signs with its passphrase alone", async (type) => {
    const { directory, run, keygen, pub, verify } = await project(type);
    await keygen("sealed", "--encrypt");
    const text = readFileSync(join(directory, "sealed/audit.key"), "utf8");
    expect(text).toMatch(/^name: fleet\.internal\/audit\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    const without = await run(`${sign} --key sealed/audit.key`);
    expect(without).toMatchObject({ code: 2 });
    expect(without.stderr).toContain("FLEETSEC_PASSPHRASE");
    const wrong = await run(`${sign} --key sealed/audit.key`, {
      env: { FLEETSEC_PASSPHRASE: "another one" },
    });
    expect(wrong.stderr).toContain("wrong");
    writeFileSync(join(directory, "pass"), `${passphrase}\n`, { mode: 0o600 });
    expect(await run(`${sign} --key sealed/audit.key --passphrase-file pass`)).toMatchObject({ code: 0 });
    expect(await verify(pub("sealed"))).toEqual({ code: 0, codes: [] });
  });

  test("is not made without a passphrase, nor with a short one", async () => {
    const directory = scratch();
    const argv = ["logs", "keygen", "--origin", "o", "--encrypt"];
    expect(await runCli(argv, { cwd: directory, env: {} })).toMatchObject({ code: 2 });
    expect(await runCli(argv, { cwd: directory, env: { FLEETSEC_PASSPHRASE: "short" } })).toMatchObject({
      code: 2,
    });
    const unused = ["logs", "keygen", "--origin", "o", "--passphrase-file", "x"];
    expect(await runCli(unused, { cwd: directory })).toMatchObject({ code: 2 });
  });
});

test("no log is signed into within another log's store, also through a link", async () => {
  const { directory, run, verify, pub } = await project();
  expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 0 });
  symlinkSync("store", join(directory, "link"));
  mkdirSync(join(directory, "store-2"));
  for (const store of ["store/inner", "store/a/b", "store/fleetsec/inner", "link/inner"]) {
    const inner = await run(`logs sign --in a.log --store ${store} --key next/audit.key`);
    expect(inner).toMatchObject({ code: 2, stderr: expect.stringContaining("within the store of another") });
  }
  expect(await verify(pub("old"))).toEqual({ code: 0, codes: [] });
  // the controls: beside it, and in a new directory
  expect(await run("logs sign --in a.log --store store-2 --key next/audit.key")).toMatchObject({ code: 0 });
  expect(await run("logs sign --in a.log --store logs/b --key next/audit.key")).toMatchObject({ code: 0 });
});

describe("double signing", () => {
  /** A log of three batches that an Ed25519 and a P-256 key signed, and what its auditor trusts. */
  async function signedTwice() {
    const made = await project();
    const { directory, run, keygen, log, pub } = made;
    await keygen("hsm", "--type", "p256");
    for (let i = 0; i < 3; i++) {
      if (i > 0) log();
      expect(await run(`${sign} --key old/audit.key hsm/audit.key`)).toMatchObject({ code: 0, stderr: "" });
    }
    const trust = `${pub("old")}\n${pub("hsm")}\n`;
    writeFileSync(join(directory, "trust"), trust);
    /** Takes the second signature out of a checkpoint. */
    const strip = (path: string) => {
      const text = readFileSync(join(directory, "store", path), "utf8");
      const lines = text.split("\n");
      expect(lines.filter((line) => line.startsWith("\u2014 "))).toHaveLength(2);
      writeFileSync(join(directory, "store", path), lines.toSpliced(-2, 1).join("\n"));
    };
    const verify = async (...flags: string[]) => {
      const { code, stdout } = await run(
        `verify-logs store --trust trust --allow-unanchored --json${flags.map((flag) => ` ${flag}`).join("")}`,
      );
      const document = JSON.parse(stdout) as { findings?: { code: string; path: string; detail: string }[] };
      expect(schemaErrors(document)).toEqual([]);
      return { code, found: (document.findings ?? []).map(({ code: one, path }) => `${one} ${path}`) };
    };
    return { ...made, trust, strip, verify };
  }

  test("a signature that is in one copy of the newest checkpoint alone is a finding", async () => {
    const one = await signedTwice();
    one.strip("checkpoint");
    expect(await one.verify()).toEqual({ code: 1, found: ["SIG_INVALID checkpoint"] });
    const other = await signedTwice();
    expect(await other.verify("--state fresh")).toEqual({ code: 0, found: [] });
    other.strip("fleetsec/checkpoint/3");
    expect(await other.verify()).toEqual({ code: 1, found: ["SIG_INVALID fleetsec/checkpoint/3"] });
  });

  test("--all-keys: each key must have signed each checkpoint, in whole and in parts", async () => {
    const { run, strip, verify } = await signedTwice();
    expect(await verify("--all-keys --state fresh")).toEqual({ code: 0, found: [] });
    for (const path of ["checkpoint", "fleetsec/checkpoint/3", "fleetsec/checkpoint/1"]) strip(path);
    expect(await verify("--state other")).toEqual({ code: 0, found: [] });
    expect(await verify("--all-keys")).toEqual({ code: 1, found: ["SIG_MISSING fleetsec/checkpoint/1"] });
    const parts = "--shard 1/1 --trust trust --partial";
    expect(await run(`verify-logs store --all-keys ${parts} all.json`)).toMatchObject({ code: 1 });
    expect(await run(`verify-logs store ${parts} one.json`)).toMatchObject({ code: 0 });
    const merge = async (flags: string) =>
      run(`verify-logs --trust trust --allow-unanchored --merge ${flags}`);
    const found = await merge("all.json --all-keys");
    expect(found).toMatchObject({ code: 1 });
    expect(found.stdout).toContain("and so do 2 more, up to size 3");
    expect(await merge("one.json")).toMatchObject({ code: 0 });
    for (const flags of ["one.json --all-keys", "all.json"]) {
      expect(await merge(flags)).toMatchObject({ code: 2, stderr: expect.stringContaining("--all-keys") });
    }
  });

  test("--all-keys: a part that keeps quiet about the newest checkpoint contradicts itself", async () => {
    const { directory, run, strip } = await signedTwice();
    for (const path of ["checkpoint", "fleetsec/checkpoint/3"]) strip(path);
    await run("verify-logs store --shard 1/1 --trust trust --partial one.json");
    const text = readFileSync(join(directory, "one.json"), "utf8");
    writeFileSync(join(directory, "one.json"), text.replace('"allKeys":false', '"allKeys":true'));
    const merged = await run("verify-logs --trust trust --allow-unanchored --all-keys --merge one.json");
    expect(merged).toMatchObject({ code: 2, stderr: expect.stringContaining("contradicts itself") });
  });

  test("--all-keys goes by the sizes in the trust file", async () => {
    const { directory, run, log, pub } = await project();
    expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 0 });
    expect(await run(rotate)).toMatchObject({ code: 0 });
    log();
    expect(await run(`${sign} --key next/audit.key`)).toMatchObject({ code: 0 });
    const audit = async (trust: string, state: string) => {
      writeFileSync(join(directory, "trust"), trust);
      return run(`verify-logs store --trust trust --all-keys --allow-unanchored --state ${state}`);
    };
    expect(await audit(`${pub("old")} 1-2\n${pub("next")} 2-\n`, "a")).toMatchObject({ code: 0 });
    expect(await audit(`${pub("old")}\n${pub("next")}\n`, "b")).toMatchObject({ code: 1 });
  });

  test("a key of the newest checkpoint is not left out by mistake; it is retired", async () => {
    const { directory, run, log, verify } = await signedTwice();
    const checkpoint = () => readFileSync(join(directory, "store/checkpoint"), "utf8");
    const before = checkpoint();
    log();
    for (const key of ["old", "hsm"]) {
      const { code, stderr } = await run(`${sign} --key ${key}/audit.key`);
      expect([code, stderr]).toEqual([2, expect.stringContaining("name every key")]);
    }
    expect(checkpoint()).toBe(before);
    expect(await run(`${sign} --key hsm/audit.key old/audit.key`)).toMatchObject({ code: 0 });
    const retire = "logs rotate-key --store store --key old/audit.key hsm/audit.key --new-key hsm/audit.key";
    expect(await run(retire)).toMatchObject({ code: 0 });
    for (let i = 0; i < 2; i++) {
      log();
      expect(await run(`${sign} --key hsm/audit.key`)).toMatchObject({ code: 0 });
    }
    expect(await verify()).toEqual({ code: 0, found: [] });
  });

  test.each(["old", "next"])(
    "a line that says that all but key %s is retired leaves none out",
    async (name) => {
      const { directory, run, log, pub, verify } = await signedTwice();
      const [origin, size] = ["fleet.internal/audit", 4];
      const previous = [pub("old"), pub("hsm")];
      const line = formatRotation({ origin, size, previous, next: [pub(name)] }, 0);
      appendFileSync(join(directory, "a.log"), line);
      const both = `${sign} --key old/audit.key hsm/audit.key`;
      expect(await run(both)).toMatchObject({ code: 0 });
      expect(readFileSync(join(directory, "store/fleetsec/batch/003.jsonl"))).toEqual(line);
      log();
      const { code, stderr } = await run(`${sign} --key old/audit.key`);
      expect([code, stderr]).toEqual([2, expect.stringContaining("name every key")]);
      expect(await run(both)).toMatchObject({ code: 0 });
      expect(await verify("--all-keys")).toEqual({ code: 0, found: [] });
    },
  );

  test("a key is retired also where the list of such keys was lost since: by the same command", async () => {
    const { directory, run, log, verify } = await signedTwice();
    const retire = "logs rotate-key --store store --key old/audit.key hsm/audit.key --new-key hsm/audit.key";
    expect(await run(retire)).toMatchObject({ code: 0 });
    rmSync(join(directory, "store.signer/retired-keys.json"));
    log();
    const hsm = `${sign} --key hsm/audit.key`;
    expect(await run(hsm)).toMatchObject({ code: 2, stderr: expect.stringContaining("rotate-key") });
    for (const _ of [1, 2]) expect(await run(retire)).toMatchObject({ code: 0 });
    const list = readFileSync(join(directory, "store.signer/retired-keys.json"), "utf8");
    expect(JSON.parse(list)).toMatchObject({ retired: [{ size: 4 }] });
    expect(await run(hsm)).toMatchObject({ code: 0 });
    expect(await verify()).toEqual({ code: 0, found: [] });
  });

  test("with an Ed25519 and a P-256 key: either is enough for an auditor", async () => {
    const { directory, run, keygen, pub, verify } = await project();
    await keygen("hsm", "--type", "p256");
    expect(await run(`${sign} --key old/audit.key hsm/audit.key`)).toMatchObject({ code: 0 });
    const note = parseNote(readFileSync(join(directory, "store/checkpoint")));
    expect(note.signatures).toHaveLength(2);
    for (const trust of [`${pub("old")}\n${pub("hsm")}`, pub("old"), pub("hsm")]) {
      expect(await verify(trust)).toEqual({ code: 0, codes: [] });
    }
  });
});

describe("--signer-cmd", () => {
  const { execPath } = process;

  /** A script that signs its standard input; `edit` turns the signature into what it writes. */
  async function scriptIn(directory: string, edit: string): Promise<string> {
    const path = join(directory, "sign.cjs");
    const pem = join(directory, "signer.pem");
    const key = readFileSync(join(directory, "old/audit.key"), "utf8");
    writeFileSync(pem, key.slice(key.indexOf("-----")), { mode: 0o600 });
    writeFileSync(
      path,
      `const { sign } = require("node:crypto"); const fs = require("node:fs");
const signature = sign("sha256", fs.readFileSync(0), fs.readFileSync(process.argv[2]));
${edit}`,
    );
    chmodSync(path, 0o700);
    return `--signer-cmd ${execPath} ${path} ${pem} --signer-pub old/audit.pub`;
  }

  test.each([
    ["as it is", "fs.writeSync(1, signature)"],
    ["in base64", 'fs.writeSync(1, signature.toString("base64") + "\\n")'],
  ])("takes a signature %s", async (_, edit) => {
    const { directory, run, pub, verify } = await project("p256");
    const command = await scriptIn(directory, edit);
    const exec = systemExec(process.env);
    expect(await run(`${sign} ${command}`, { exec })).toMatchObject({ code: 0, stderr: "" });
    expect(await verify(pub("old"))).toEqual({ code: 0, codes: [] });
  });

  test.each([
    [
      "of another text",
      'fs.writeSync(1, sign("sha256", Buffer.from("x"), fs.readFileSync(process.argv[2])))',
      "no signature",
    ],
    ["that is none", 'fs.writeSync(1, "hello")', "no signature"],
    ["and fails", 'process.stderr.write("no token\\n"); process.exitCode = 3', "ended with 3: no token"],
    ["and fails without a word", "process.exitCode = 1", "ended with 1, and said nothing\n"],
    ["and is killed", "process.kill(process.pid, 9)", "ended with a signal, and said nothing\n"],
    ["without end", "for (;;) fs.writeSync(1, signature)", "wrote more than 4 KiB\n"],
  ])("refuses a command that gives a signature %s, and publishes nothing", async (_, edit, message) => {
    const { directory, run } = await project("p256");
    const command = await scriptIn(directory, edit);
    const result = await run(`${sign} ${command}`, { exec: systemExec(process.env) });
    expect(result).toMatchObject({ code: 3, stdout: "" });
    expect(result.stderr).toContain(message);
    expect(() => readFileSync(join(directory, "store/checkpoint"))).toThrow("ENOENT");
    // and the key itself signs on from there
    const ended = await run(`${sign} --key old/audit.key`);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toContain(
      "ended   batch 0, which an earlier run had begun\nsigned  nothing else new to sign\n",
    );
    const again = await run(`${sign} --key old/audit.key`);
    expect(again.stdout).not.toContain("ended");
    expect(again.stdout).toContain("signed  nothing new to sign\n");
  });

  test("what it left unsigned is said in JSON too, beside what came since", async () => {
    const { directory, run } = await project("p256");
    const command = await scriptIn(directory, "process.exitCode = 3");
    expect(await run(`${sign} ${command}`, { exec: systemExec(process.env) })).toMatchObject({ code: 3 });
    appendFileSync(join(directory, "a.log"), "more\n");
    const { code, stdout } = await run(`${sign} --key old/audit.key --json`);
    const document = JSON.parse(stdout) as unknown;
    expect(schemaErrors(document)).toEqual([]);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { ended: 0, size: 2, signed: { batches: 1, records: 1 } },
    });
  });

  test.each(["--signer-cmd true", "--signer-pub old/audit.pub", "--signer-cmd", ""])(
    "is refused where half of it is missing: %j",
    async (flags) => {
      const { run } = await project();
      expect(await run(`${sign} ${flags}`.trim())).toMatchObject({ code: 2 });
    },
  );
});

describe("logs rotate-key", () => {
  async function rotated() {
    const made = await project();
    const { run, log, pub } = made;
    expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 0 });
    const result = await run(`${rotate} --json`);
    expect(result).toMatchObject({ code: 0 });
    log();
    return { ...made, result, old: pub("old"), next: pub("next") };
  }

  test("leads to the new key, and an auditor follows by the sizes in the trust file", async () => {
    const { run, verify, result, old, next } = await rotated();
    const document = JSON.parse(result.stdout) as object;
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({ size: 2, previous: [old], next: [next], already: false });
    expect(await run(`${sign} --key next/audit.key`)).toMatchObject({ code: 0 });
    for (const trust of [
      `${old} 1-2\n${next} 2-\n`,
      `${old}\n${next}\n`,
      `log ${old} 1-2\nlog ${next} 2-\nquorum none\n`,
    ]) {
      expect(await verify(trust)).toEqual({ code: 0, codes: [] });
    }
    expect((await verify(old)).codes).toContain("KEY_UNKNOWN");
  });

  test("is done once, and says which sizes the auditors' trust file needs", async () => {
    const { run, old, next } = await rotated();
    const again = await run(rotate);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain(`${old} 1-2`);
    expect(again.stdout).toContain(`${next} 2-`);
    expect(again.stdout).toContain("already");
  });

  test("ends the old key: it signs no more, at that size or later", async () => {
    const { run, log, keygen, pub, directory } = await rotated();
    expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 2 });
    expect(await run(`${sign} --key next/audit.key`)).toMatchObject({ code: 0 });
    log();
    const late = await run(`${sign} --key old/audit.key`);
    expect(late).toMatchObject({ code: 2 });
    expect(late.stderr).toContain(`${pub("old")} was retired at size 2`);
    // a key that never signed, and one of which nothing is known any more
    await keygen("third");
    const stranger = await run(`${sign} --key third/audit.key`);
    expect(stranger.stderr).toContain("not signed with the key");
    rmSync(join(directory, "store.signer/retired-keys.json"));
    const forgotten = await run(`${sign} --key old/audit.key`);
    expect(forgotten).toMatchObject({ code: 2, stderr: expect.stringContaining("not signed with the key") });
  });

  test("a key that was retired signs no more, beside the new one or brought back as the next", async () => {
    const { directory, run, keygen, log, pub } = await rotated();
    await keygen("third");
    const checkpoint = () => readFileSync(join(directory, "store/checkpoint"), "utf8");
    const changed = checkpoint();
    const both = `${sign} --key next/audit.key old/audit.key`;
    const back = "logs rotate-key --store store --key next/audit.key --new-key old/audit.key";
    const along =
      "logs rotate-key --store store --key next/audit.key old/audit.key --new-key third/audit.key";
    const refuse = async () => {
      for (const argv of [both, back, along]) {
        const { code, stderr } = await run(argv);
        expect([argv, code, stderr]).toEqual([argv, 2, expect.stringContaining("was retired at size 2")]);
        expect(stderr).toContain(pub("old"));
      }
    };
    await refuse();
    expect(checkpoint()).toBe(changed);
    expect(await run(`${sign} --key next/audit.key third/audit.key`)).toMatchObject({ code: 0 });
    log();
    const later = checkpoint();
    await run(both);
    expect(checkpoint()).toBe(later);
    expect(await run(`${sign} --key next/audit.key third/audit.key`)).toMatchObject({ code: 0 });
    writeFileSync(join(directory, "store.signer/retired-keys.json"), "{}");
    log();
    const damaged = await run(`${sign} --key next/audit.key third/audit.key`);
    expect(damaged).toMatchObject({ code: 2, stderr: expect.stringContaining("is damaged") });
  });

  describe("prints the range of a retired key", () => {
    /** As `KEY first-last` of each key, by the key's name. */
    const printed = (stdout: string) =>
      stdout.split("\n").flatMap((line) => /^ {2}(.*)$/.exec(line)?.[1] ?? []);

    test("from the change that brought it: with them no log passes that its thief made", async () => {
      const { directory, run, keygen, log, pub, verify } = await rotated();
      await keygen("third");
      for (const _ of [3, 4]) {
        expect(await run(`${sign} --key next/audit.key`)).toMatchObject({ code: 0 });
        log();
      }
      const change = "logs rotate-key --store store --key next/audit.key --new-key third/audit.key";
      const { stdout } = await run(change);
      expect(printed(stdout)).toEqual([`${pub("next")} 2-5`, `${pub("third")} 5-`]);
      const again = await run(`${change} --json`);
      expect(schemaErrors(JSON.parse(again.stdout))).toEqual([]);
      expect(JSON.parse(again.stdout)).toMatchObject({
        already: true,
        ranges: [
          { key: pub("next"), first: 2, last: 5 },
          { key: pub("third"), first: 5 },
        ],
      });
      const trust = [`${pub("old")} 1-2`, ...printed(stdout)].join("\n");
      expect(await verify(trust)).toEqual({ code: 0, codes: [] });
      renameSync(join(directory, "store"), join(directory, "right"));
      renameSync(join(directory, "store.signer"), join(directory, "right.signer"));
      expect(await run(`${sign} --key next/audit.key`)).toMatchObject({ code: 0 });
      expect((await verify(trust)).codes).toContain("KEY_OUT_OF_RANGE");
    });

    test.each([
      ["that a change brought beside another, from there", true, 2],
      ["that joined another without one, from 1", false, 1],
    ])("%s", async (_, byChange, first) => {
      const { run, log, pub, verify } = await project();
      const both = "old/audit.key next/audit.key";
      expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 0 });
      log();
      if (byChange) await run(`logs rotate-key --store store --key old/audit.key --new-key ${both}`);
      expect(await run(`${sign} --key ${both}`)).toMatchObject({ code: 0 });
      const { stdout } = await run(`logs rotate-key --store store --key ${both} --new-key old/audit.key`);
      const [line, ...more] = printed(stdout);
      expect([line, more]).toEqual([`${pub("next")} ${first}-${byChange ? 4 : 3}`, []]);
      log();
      expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 0 });
      expect(await verify(`${pub("old")}\n${line}\n`)).toEqual({ code: 0, codes: [] });
    });

    test("once the checkpoints tell again, where one was missing", async () => {
      const { directory, run, pub } = await rotated();
      const path = join(directory, "store/fleetsec/checkpoint/1");
      renameSync(path, `${path}.away`);
      expect(await run(rotate)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("checkpoint/1 is missing"),
      });
      renameSync(`${path}.away`, path);
      expect((await run(rotate)).stdout).toContain(`${pub("old")} 1-2`);
    });
  });

  test("is refused on an empty log, with a key of another log, and with a key that does not sign it", async () => {
    const { run } = await project();
    expect(await run(rotate)).toMatchObject({ code: 2 });
    await run(`${sign} --key old/audit.key`);
    await run("logs keygen --origin other --out other");
    expect(
      await run("logs rotate-key --store store --key old/audit.key --new-key other/other.key"),
    ).toMatchObject({ code: 2 });
    expect(
      await run("logs rotate-key --store store --key next/audit.key --new-key old/audit.key"),
    ).toMatchObject({ code: 2 });
    expect(await run("logs rotate-key --store store --new-key next/audit.key")).toMatchObject({ code: 2 });
    const same = await run("logs rotate-key --store store --key old/audit.key --new-key old/audit.key");
    expect(same).toMatchObject({ code: 2 });
    expect(same.stderr).toContain("the same keys");
    expect(await run(rotate)).toMatchObject({ code: 0 });
  });

  test("a line that looks like a change of keys stops nobody", async () => {
    const { directory, run, log, pub } = await project();
    const forged = {
      alert: "key_rotation",
      origin: "fleet.internal/audit",
      size: 1,
      previous_keys: ["x"],
      next_keys: [pub("next")],
    };
    writeFileSync(join(directory, "a.log"), `${JSON.stringify(forged)}\n`);
    expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 0 });
    log();
    expect(await run(`${sign} --key old/audit.key`)).toMatchObject({ code: 0 });
  });
});
