import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changingFile } from "../support/changing-file.ts";
import type { CliOptions } from "../support/cli.ts";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

interface Told {
  readonly subject?: string;
  readonly serial?: string;
  readonly sha256?: string;
  readonly result?: string;
}

/** A project whose inventory is signed as a log, with certificates `a` and `b`, and how a gateway's events are judged. */
async function project() {
  const made = testProject();
  const run = async (argv: string) => made.run(argv.split(" "));
  const ok = async (argv: string) => expect({ argv, ...(await run(argv)) }).toMatchObject({ code: 0 });
  await ok("ca init --insecure-dev-key");
  await ok("logs keygen --origin fleet.internal/issuance --out keys");
  await ok("logs keygen --origin fleet.internal/audit --out keys");
  const issue = async (name: string): Promise<Told> => {
    await ok(`cert issue ${name} --role tms-connector`);
    const pem = readFileSync(join(made.directory, `.fleetsec/certs/${name}/current/cert.pem`));
    const { serialNumber, fingerprint256 } = new X509Certificate(pem);
    return {
      subject: `CN=${name},O=acme`,
      serial: serialNumber,
      sha256: fingerprint256.replaceAll(":", "").toLowerCase(),
    };
  };
  const [a, b] = [await issue("a"), await issue("b")];
  const sign = async (input: string, store: string, key: string) =>
    ok(`logs sign --in ${input} --store ${store} --key keys/${key}.key --max-records 1`);
  await sign(".fleetsec/inventory.jsonl", "issuance", "issuance");
  const write = (...events: readonly Told[]) => {
    const lines = events.map(({ result = "success", ...identity }, i) =>
      JSON.stringify({
        timestamp: `2026-01-01T00:00:0${i}Z`,
        service: "gateway",
        event_type: "authentication",
        request_id: `r${i}`,
        identity,
        result,
      }),
    );
    writeFileSync(join(made.directory, "events.jsonl"), `${lines.join("\n")}\n`);
  };
  const issuance =
    "--transparency issuance --transparency-trust keys/issuance.pub --state state --allow-unanchored";
  const detect = async (flags = "--in events.jsonl", options: CliOptions = {}) => {
    const { code, stdout } = await made.run(`detect ${flags} ${issuance} --json`.split(" "), options);
    const document = JSON.parse(stdout);
    expect(schemaErrors(document)).toEqual([]);
    return {
      code,
      document,
      codes: (document.findings ?? []).map((finding: { code: string }) => finding.code) as string[],
    };
  };
  return { ...made, run, ok, issue, sign, write, detect, issuance, a, b };
}

const nothing = () => {};
const stranger: Told = { subject: "CN=a,O=acme", serial: "0BADC0DE" };

describe("detect", () => {
  test("accuses nobody where a log changes between its verification and the search", async () => {
    const { directory, sign, write, detect, a } = await project();
    write(a);
    await sign("events.jsonl", "audit", "audit");
    const flags = "--store audit --trust keys/audit.pub";
    const holding = (store: string, text: string) => {
      const batches = join(directory, store, "fleetsec/batch");
      const name = readdirSync(batches).find((one) =>
        readFileSync(join(batches, one), "utf8").includes(text),
      );
      return join(batches, String(name));
    };
    for (const [store, text, unlogged] of [
      ["issuance", '"name":"a"', ["NOT_LOGGED"]],
      ["audit", String(a.serial), []],
    ] as const) {
      const path = holding(store, text);
      const before = readFileSync(path);
      const changing = (change: () => void) => ({ files: changingFile(path, change) });
      const { code, codes, document } = await detect(
        flags,
        changing(() => writeFileSync(path, "{}\n")),
      );
      expect({ store, code, codes, unread: document.unread }).toEqual({
        store,
        code: 3,
        codes: unlogged,
        unread: 0,
      });
      expect(document[store === "audit" ? "events" : store].verdict).toBe("not-established");
      writeFileSync(path, before);
      expect(await detect(flags, changing(nothing))).toMatchObject({ code: 0, codes: [] });
    }
  });

  test("--origin and --transparency-origin say which logs are wanted", async () => {
    const { directory, sign, write, detect, a } = await project();
    write(a);
    await sign("events.jsonl", "audit", "audit");
    const pubs = ["issuance", "audit"].map((name) =>
      readFileSync(join(directory, `keys/${name}.pub`), "utf8"),
    );
    for (const name of ["issuance", "audit"])
      writeFileSync(join(directory, `keys/${name}.pub`), pubs.join(""));
    const asked = async (events: string, issuance: string) => {
      const origins = `--origin fleet.internal/${events} --transparency-origin fleet.internal/${issuance}`;
      const { code, document } = await detect(`--store audit --trust keys/audit.pub ${origins}`);
      return { code, events: document.events.verdict, issuance: document.issuance.verdict };
    };
    expect(await asked("audit", "issuance")).toMatchObject({ code: 0 });
    // anchored now, by that run
    const whole = { code: 1, events: "intact", issuance: "intact" };
    expect(await asked("issuance", "issuance")).toEqual({ ...whole, events: "altered" });
    expect(await asked("audit", "audit")).toEqual({ ...whole, issuance: "altered" });
  });

  test("names certificates that were let in and never logged", async () => {
    const { write, detect, run, issuance, a, b } = await project();
    write(a, b, a);
    expect(await detect()).toMatchObject({ code: 0, codes: [], document: { ok: true, seen: 2 } });
    write(a, stranger, b, stranger);
    const { code, document } = await detect();
    expect(code).toBe(1);
    expect(document).toMatchObject({
      ok: false,
      seen: 3,
      findings: [
        {
          code: "NOT_LOGGED",
          serial: "0BADC0DE",
          events: 2,
          letIn: true,
          first: "2026-01-01T00:00:01Z",
          last: "2026-01-01T00:00:03Z",
          place: { file: "events.jsonl", line: 2 },
        },
      ],
    });
    const { stdout } = await run(`detect --in events.jsonl ${issuance}`);
    expect(stdout).toContain("UNLOGGED: 1 certificate let in");
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("a serial that is logged is no excuse for another name, nor for another certificate", async () => {
    const { write, detect, a, b } = await project();
    write({ subject: b.subject ?? "", serial: a.serial ?? "" });
    expect(await detect()).toMatchObject({ code: 1, codes: ["OTHER_NAME"] });
    write({ ...a, sha256: "0".repeat(64) });
    expect(await detect()).toMatchObject({ code: 1, codes: ["OTHER_CERTIFICATE"] });
    // a gateway that does not say which certificate it was, in other ways of writing
    write({ subject: "/O=acme/CN=a", serial: `00:${(a.serial ?? "").toLowerCase()}` });
    expect(await detect()).toMatchObject({ code: 0, codes: [] });
  });

  test("the certificate's SHA-256 is read in the forms in which it is written, or counted as unread", async () => {
    const { write, detect, sign, a } = await project();
    const { sha256 = "" } = a;
    const colons = (hex: string) => hex.toUpperCase().replaceAll(/..(?!$)/g, "$&:");
    for (const form of [(hex: string) => hex.toUpperCase(), colons, (hex: string) => `sha256:${hex}`]) {
      write({ ...a, sha256: form(sha256) });
      expect(await detect()).toMatchObject({ code: 0, codes: [], document: { unread: 0 } });
      write({ ...a, sha256: form("a".repeat(64)) });
      expect(await detect()).toMatchObject({ code: 1, codes: ["OTHER_CERTIFICATE"] });
    }
    for (const unread of [colons(sha256).slice(3), `${sha256}00`, "yes", 7, ["x"], { sha256 }]) {
      write({ ...a, sha256: unread as string });
      const doubtful = { code: 3, codes: [], document: { ok: false, seen: 1, unread: 1 } };
      expect(await detect()).toMatchObject(doubtful);
      // what is missing anyway is found all the same
      write({ ...stranger, sha256: unread as string });
      expect(await detect()).toMatchObject({ code: 1, codes: ["NOT_LOGGED"] });
    }
    for (const unsaid of ["", "-", null]) {
      write({ ...a, sha256: unsaid as string });
      expect(await detect()).toMatchObject({ code: 0, codes: [], document: { unread: 0 } });
    }
    write({ ...a, sha256: "yes" });
    await sign("events.jsonl", "audit", "audit");
    expect(await detect("--store audit --trust keys/audit.pub")).toMatchObject({ code: 3 });
  });

  test("what TLS refused is an authentication that failed, and nothing else", async () => {
    const { directory, detect } = await project();
    const told = `"identity":{"subject":"CN=x","serial":"0BADC0DE"},"result":"failure"`;
    const judge = async (event: string) => {
      writeFileSync(join(directory, "events.jsonl"), `{${event},${told}}\n`);
      return detect();
    };
    const found = { code: 1, codes: ["NOT_LOGGED"], document: { findings: [{ letIn: true }] } };
    for (const event of [
      '"event_type":"authorization","decision":"allow"',
      '"event_type":"authentication","decision":"allow"',
      '"event_type":"authorization","decision":"deny"',
      '"event_type":"command"',
    ])
      expect(await judge(event)).toMatchObject(found);
    const refused = { code: 0, codes: ["NOT_LOGGED"], document: { findings: [{ letIn: false }] } };
    expect(await judge('"event_type":"authentication"')).toMatchObject(refused);
  });

  test("what TLS refused is reported, and no failure", async () => {
    const { write, detect } = await project();
    write({ ...stranger, result: "failure" });
    expect(await detect()).toMatchObject({ code: 0, codes: ["NOT_LOGGED"], document: { ok: true } });
    write({ ...stranger, result: "failure" }, stranger);
    const { code, document } = await detect();
    expect(code).toBe(1);
    expect(document.findings[0]).toMatchObject({ letIn: true, events: 2, place: { line: 2 } });
  });

  test("events of a signed log: the verified ones alone", async () => {
    const { directory, write, sign, detect, a } = await project();
    write(a, stranger);
    await sign("events.jsonl", "audit", "audit");
    const signed = "--store audit --trust keys/audit.pub";
    expect(await detect(signed)).toMatchObject({
      code: 1,
      codes: ["NOT_LOGGED"],
      document: { findings: [{ place: { seq: 1, line: 1 } }], events: { verdict: "unanchored", size: 2 } },
    });
    const path = join(directory, "audit/fleetsec/batch/001.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace("0BADC0DE", a.serial ?? ""));
    // an edit that hides it is a finding by itself
    expect(await detect(signed)).toMatchObject({
      code: 1,
      codes: [],
      document: { ok: false, events: { verdict: "altered" } },
    });
  });

  test("nothing that an altered log of issuance has or lacks counts", async () => {
    const { directory, write, detect, run, issuance, a, b } = await project();
    const batches = join(directory, "issuance/fleetsec/batch");
    const path = readdirSync(batches)
      .map((name) => join(batches, name))
      .find((name) => readFileSync(name, "utf8").includes('"name":"a"'));
    if (path === undefined) throw new Error("no batch has the issue");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"ttl":', '"ttl" :'));
    const altered = { code: 1, document: { ok: false, issuance: { verdict: "altered" } } };
    write(b);
    expect(await detect()).toMatchObject({ ...altered, codes: [] });
    expect((await run(`detect --in events.jsonl ${issuance}`)).stdout).toMatch(
      /^ALTERED: the log of issuance is altered\n/,
    );
    write(a);
    expect(await detect()).toMatchObject({ ...altered, codes: ["NOT_LOGGED"] });
    writeFileSync(path, text);
    expect(await detect()).toMatchObject({ code: 0, codes: [], document: { ok: true } });
  });

  test("a fork of the log of issuance is no log, though all its batches are signed", async () => {
    const { directory, write, sign, detect, a } = await project();
    write(a);
    expect(await detect()).toMatchObject({ code: 0, document: { ok: true } });
    for (const store of ["issuance", "issuance.signer"]) rmSync(join(directory, store), { recursive: true });
    const path = join(directory, ".fleetsec/inventory.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").trimEnd().split("\n").toReversed().join("\n"));
    await sign(".fleetsec/inventory.jsonl", "issuance", "issuance");
    expect(await detect()).toMatchObject({
      code: 1,
      codes: [],
      document: { ok: false, issuance: { verdict: "altered" } },
    });
  });

  test("a log of issuance that is not established leaves nothing clean", async () => {
    const { directory, write, detect, run, issuance, a } = await project();
    write(a);
    const token = join(directory, "issuance/fleetsec/tsr/1.tsr");
    mkdirSync(join(token, ".."), { recursive: true });
    // no authority is named for it, so it cannot be checked
    writeFileSync(token, "0");
    expect(await detect()).toMatchObject({ code: 3, codes: [], document: { ok: false } });
    expect((await run(`detect --in events.jsonl ${issuance}`)).stdout).toContain(
      "NOT ESTABLISHED: the log of issuance is not verified",
    );
    write(stranger);
    expect(await detect()).toMatchObject({ code: 3, codes: ["NOT_LOGGED"] });
    rmSync(token);
    expect(await detect()).toMatchObject({ code: 1, codes: ["NOT_LOGGED"] });
    write(a);
    expect(await detect()).toMatchObject({ code: 0, document: { ok: true } });
  });

  test.each([
    [1, "1 record does not say which certificate was let in", "1 record: fleetsec"],
    [2, "2 records do not say which certificate was let in", "2 records: fleetsec"],
  ])("says of how many records it is not known: %i", async (number, headline, row) => {
    const { directory, write, run, issuance, a } = await project();
    write(a);
    writeFileSync(join(directory, "events.jsonl"), "no JSON\n".repeat(number), { flag: "a" });
    const { code, stdout } = await run(`detect --in events.jsonl ${issuance}`);
    expect({ code, stdout }).toMatchObject({ code: 3, stdout: expect.stringContaining(headline) as string });
    expect(stdout).toContain(row);
  });

  test("hostile events are passed over, shown without control characters, and kept short", async () => {
    const { directory, write, detect, run, issuance, a } = await project();
    write(a, { subject: `CN=\u001b[31m${"x".repeat(5000)}`, serial: "1" });
    const path = join(directory, "events.jsonl");
    writeFileSync(path, `no JSON "serial"\n{"identity":{"serial":"zz"}}\n{"identity":7}\n`, { flag: "a" });
    const { code, document } = await detect();
    expect(code).toBe(1);
    expect(document.findings[0].subject).toHaveLength(500);
    expect(document).toMatchObject({ seen: 2, unread: 2 });
    const { stdout } = await run(`detect --in events.jsonl ${issuance}`);
    expect(stdout).not.toContain("\u001b");
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "garbage\n"],
    ["an access log", '127.0.0.1 - - [29/Nov/2026:20:00:00 +0000] "GET / HTTP/1.1" 200 7\n'],
    ["events of another form", '{"ssl_client_serial":"DEADBEEF","status":200}\n'],
    ["a line that is cut short", '{"event_type":"authentication","identity":{"serial":"0BADC0DE","subj'],
    ["a serial that is a number", '{"event_type":"authentication","identity":{"serial":3735928559}}\n'],
    ["nobody's serial", '{"event_type":"authentication","identity":{"subject":"CN=evil","serial":""}}\n'],
    ["an allowed request of nobody", '{"decision":"allow","identity":{"subject":"CN=evil"}}\n'],
  ])("what does not say which certificate was let in is not established: %s", async (_, text) => {
    const { directory, write, sign, detect, a } = await project();
    const path = join(directory, "events.jsonl");
    writeFileSync(path, text);
    expect(await detect()).toMatchObject({ code: 3, codes: [], document: { ok: false, seen: 0 } });
    write(a);
    expect(await detect()).toMatchObject({ code: 0, document: { unread: 0 } });
    if (text === "" || text.includes("ssl_client")) return;
    writeFileSync(path, text, { flag: "a" });
    expect(await detect()).toMatchObject({ code: 3, document: { ok: false, seen: 1, unread: 1 } });
    await sign("events.jsonl", "audit", "audit");
    const signed = await detect("--store audit --trust keys/audit.pub");
    expect(signed).toMatchObject({ code: 3, document: { ok: false, seen: 1, unread: 1 } });
  });

  test("serials are read in all the ways in which they are written", async () => {
    const { directory, detect } = await project();
    for (const told of [
      '"identity":{"serial":"0xBADC0DE"}',
      '"identity":{"subject":"CN=a"},"certificate":{"serial":"0B:AD:C0:DE"}',
    ]) {
      writeFileSync(join(directory, "events.jsonl"), `{"event_type":"authentication",${told}}\n`);
      expect(await detect()).toMatchObject({ code: 1, codes: ["NOT_LOGGED"] });
    }
  });

  test("writes reports", async () => {
    const { directory, write, run, issuance } = await project();
    write(stranger);
    const { code } = await run(
      `detect --in events.jsonl ${issuance} --report junit=out.xml --report sarif=out.sarif`,
    );
    expect(code).toBe(1);
    expect(readFileSync(join(directory, "out.xml"), "utf8")).toContain("unlogged-certificate");
    expect(readFileSync(join(directory, "out.sarif"), "utf8")).toContain("0BADC0DE");
  });

  test.each([
    ["events.jsonl", "--in events.jsonl"],
    ["audit/checkpoint", "--store audit --trust keys/audit.pub"],
    ["audit/new", "--store audit --trust keys/audit.pub"],
    ["keys/audit.pub", "--store audit --trust keys/audit.pub"],
    ["issuance/checkpoint", "--in events.jsonl"],
    ["keys/issuance.pub", "--in events.jsonl"],
    ["keys/issuance.key", "--in events.jsonl"],
    ["state/report.xml", "--in events.jsonl"],
  ])("no report is written over what is read, nor over a private key: %s", async (path, flags) => {
    const made = await project();
    made.write(made.a);
    await made.sign("events.jsonl", "audit", "audit");
    const at = join(made.directory, path);
    const before = existsSync(at) ? readFileSync(at) : undefined;
    const argv = (to: string) => ["detect", ...`${flags} ${made.issuance} --report junit=${to}`.split(" ")];
    expect(await made.attempt(argv(path))).toMatchObject({ exit: 2 });
    expect(existsSync(at) ? readFileSync(at) : undefined).toEqual(before);
    expect(await made.attempt(argv("elsewhere.xml"))).not.toMatchObject({ exit: 2 });
    expect(readFileSync(join(made.directory, "elsewhere.xml"), "utf8")).toContain("<testsuites");
  });

  test.each([
    ["--in none.jsonl", 2],
    ["--in events.jsonl --store audit", 2],
    ["--store nowhere --trust keys/audit.pub", 2],
    ["--in events.jsonl --report junit=none/x.xml", 2],
  ])("bad input ends with 2: %s", async (flags, exit) => {
    const made = await project();
    made.write(made.a);
    const argv = ["detect", ...flags.split(" "), ...made.issuance.split(" ")];
    expect(await made.attempt(argv)).toMatchObject({ exit });
  });
});
