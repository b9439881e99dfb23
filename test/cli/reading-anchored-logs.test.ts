import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

const event = (name: string, serial: string) =>
  `${JSON.stringify({
    timestamp: "2026-01-01T00:00:00Z",
    service: "gateway",
    event_type: "authentication",
    request_id: "r1",
    identity: { subject: `CN=${name},O=acme`, serial },
    result: "success",
  })}\n`;

/** Logs of events and of issuance, each whole, as it was one batch ago (`-cut`), its newest checkpoint in `published` and the one before in `stale`. */
async function project() {
  const made = testProject();
  const at = (path: string) => join(made.directory, path);
  const json = async (argv: string) => {
    const { code, stdout } = await made.run([...argv.split(" "), "--json"]);
    const document = JSON.parse(stdout);
    expect(schemaErrors(document)).toEqual([]);
    return { code, document };
  };
  const ok = async (argv: string) => {
    const result = await json(argv);
    expect({ argv, ...result }).toMatchObject({ code: 0 });
    return result.document;
  };
  await ok("ca init --insecure-dev-key");
  for (const name of ["audit", "issuance"])
    await ok(`logs keygen --origin fleet.internal/${name} --out keys`);
  for (const place of ["published", "stale"]) mkdirSync(at(place));
  for (const name of ["a", "b"]) {
    const { serial } = await ok(`cert issue ${name} --role tms-connector`);
    writeFileSync(at("events.jsonl"), event(name, serial), { flag: "a" });
    await ok("logs sign --in events.jsonl --store audit --key keys/audit.key");
    await ok("logs sign --in .fleetsec/inventory.jsonl --store issuance --key keys/issuance.key");
    for (const log of ["audit", "issuance"]) {
      cpSync(at(`${log}/checkpoint`), at(`${name === "a" ? "stale" : "published"}/${log}.txt`));
      if (name === "a") cpSync(at(log), at(`${log}-cut`), { recursive: true });
    }
  }
  return { ...made, at, json, run: async (argv: string) => made.run(argv.split(" ")) };
}

const transparency = (cut: string) => `--transparency issuance${cut} --transparency-trust keys/issuance.pub`;
/** Each command over whole logs, or over cut ones; and what it says of the log. */
const commands = [
  {
    argv: (cut: string) => `logs trace --store audit${cut} --trust keys/audit.pub --request-id r1`,
    anchors: "--anchor published",
    inside: "--anchor audit",
    stands: ({ verdict }: { verdict: string }) => verdict,
  },
  {
    argv: (cut: string) => `detect --store audit${cut} --trust keys/audit.pub ${transparency("")}`,
    anchors: "--anchor published --transparency-anchor published",
    inside: "--anchor audit/checkpoint --transparency-anchor published",
    // both certificates, of which the log had one when it was verified before
    isNewRead: true,
    stands: ({ events }: { events: { verdict: string } }) => events.verdict,
  },
  {
    argv: (cut: string) => `detect --in one.jsonl ${transparency(cut)}`,
    anchors: "--transparency-anchor published",
    inside: "--transparency-anchor issuance",
    stands: ({ issuance }: { issuance: { verdict: string } }) => issuance.verdict,
  },
  {
    argv: (cut: string) =>
      `cert verify .fleetsec/certs/a/current/cert.pem --transparency issuance${cut} --trust keys/issuance.pub`,
    anchors: "--anchor published",
    inside: "--anchor issuance",
    stands: ({ certificates }: { certificates: { reasons: { code: string }[] }[] }) =>
      ({ "log-not-anchored": "unanchored", "log-altered": "altered" })[
        certificates[0]?.reasons[0]?.code ?? ""
      ] ?? "intact",
  },
].map((one) => ({ ...one, name: one.argv("").split(" ").slice(0, 3).join(" ") }));

describe.each(commands)("$name …", ({ argv, anchors, inside, stands, isNewRead = false }) => {
  async function prepared() {
    const made = await project();
    const [first = ""] = readFileSync(made.at("events.jsonl"), "utf8").split("\n");
    writeFileSync(made.at("one.jsonl"), `${first}\n`);
    const run = async (flags: string) => {
      const { code, document } = await made.json(flags);
      return { code, stands: stands(document) };
    };
    return { ...made, run };
  }

  test("a log that nothing anchors is not established, unless that is allowed, or it was verified before", async () => {
    const { run } = await prepared();
    const unanchored = { code: 3, stands: "unanchored" };
    expect(await run(`${argv("-cut")} --state fresh`)).toEqual(unanchored);
    // it is held to what it was then
    expect(await run(`${argv("-cut")} --state fresh`)).toEqual({ code: 0, stands: "intact" });
    const grown = await run(`${argv("")} --state fresh`);
    expect(grown).toEqual({ code: isNewRead ? 3 : 0, stands: "intact" });
    expect(await run(`${argv("")} --state fresh`)).toEqual({ code: 0, stands: "intact" });
    expect(await run(`${argv("-cut")} --state fresh`)).toEqual({ code: 1, stands: "altered" });
    expect((await run(`${argv("-cut")} --state other --allow-unanchored`)).code).toBe(0);
  });

  test("--anchor shows an end that was cut off, and establishes one that was not", async () => {
    const { run, json } = await prepared();
    expect(await run(`${argv("-cut")} --state a ${anchors}`)).toEqual({ code: 1, stands: "altered" });
    expect(await run(`${argv("")} --state b ${anchors}`)).toEqual({ code: 0, stands: "intact" });
    const refused = { code: 2, document: { code: "usage" } };
    expect(await json(`${argv("")} --state c ${inside}`)).toMatchObject(refused);
  });

  test("--tsa-ca names the authorities by which time-stamps are judged", async () => {
    const { run, at } = await prepared();
    const logs = ["audit", "issuance"].map((log) => at(`${log}/fleetsec/tsr`));
    for (const tokens of logs) {
      mkdirSync(tokens);
      writeFileSync(join(tokens, "2.tsr"), "no token");
    }
    const flags = `${argv("")} ${anchors} --state fresh`;
    expect(await run(flags)).toMatchObject({ code: 3 });
    expect(await run(`${flags} --tsa-ca .fleetsec/ca/bundle.pem`)).toEqual({ code: 1, stands: "altered" });
    for (const tokens of logs) rmSync(tokens, { recursive: true });
    expect(await run(`${flags} --tsa-ca .fleetsec/ca/bundle.pem`)).toEqual({ code: 0, stands: "intact" });
  });
});

describe("an anchor that is older than what is read", () => {
  const verify = (name: string) =>
    `cert verify .fleetsec/certs/${name}/current/cert.pem --transparency issuance --trust keys/issuance.pub`;

  test("cert verify: the issue of a certificate must lie within it", async () => {
    const { json, run } = await project();
    const reasonOf = async (argv: string) => {
      const { code, document } = await json(argv);
      return { code, reasons: document.certificates[0].reasons.map((one: { code: string }) => one.code) };
    };
    const refused = { code: 3, reasons: ["log-not-anchored"] };
    const passed = { code: 0, reasons: [] };
    expect(await reasonOf(`${verify("b")} --anchor stale --state s1`)).toEqual(refused);
    expect(await reasonOf(`${verify("a")} --anchor stale --state s2`)).toEqual(passed);
    expect(await reasonOf(`${verify("b")} --anchor published --state s3`)).toEqual(passed);
    expect(await reasonOf(`${verify("b")} --anchor stale --state s4 --allow-unanchored`)).toEqual(passed);
    // the checkpoint that the first run kept has it
    expect(await reasonOf(`${verify("b")} --anchor stale --state s1`)).toEqual(passed);
    const { stdout } = await run(`${verify("b")} --anchor stale --state s5`);
    const said = stdout.replaceAll(/\s+/g, " ");
    expect(said).toContain(
      "in batch 1 of the log of issuance, which came after the newest anchor (of size 1)",
    );
    expect(said).toContain("after fleetsec logs anchor where it is newer");
  });

  const [traced, detected] = commands;
  test("logs trace: marks the events that came after it", async () => {
    const { json, run } = await project();
    const argv = `${traced?.argv("")} --anchor stale`;
    const { code, document } = await json(`${argv} --state s1`);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { log: { size: 2, anchored: 1 }, beyond: 1 },
    });
    // the checkpoint that this run kept has them
    expect((await json(`${argv} --state s1`)).document).toMatchObject({ log: { anchored: 2 }, beyond: 0 });
    const allowed = await json(`${argv} --state s2 --allow-unanchored`);
    expect(allowed.document).toMatchObject({ log: { anchored: 1 }, beyond: 0 });
    const { stdout } = await run(`${argv} --state s3`);
    expect(stdout).toMatch(/ 0:1\n.* 1:1\*\n\* came after the newest anchor, which has 1 batch: /);
    expect((await run(`${argv} --state s3`)).stdout).not.toContain("*");
    // where there is no anchor at all, that is what is said
    const none = await run(`${traced?.argv("")} --state s4`);
    expect(none.stdout).toMatch(/^NOT ESTABLISHED: the log is not anchored/);
    expect(none.stdout).not.toContain("*");
    expect((await json(`${traced?.argv("")} --state s5`)).document).toMatchObject({
      log: { anchored: 0 },
      beyond: 2,
    });
  });

  test.each([
    ["events", "--anchor stale --transparency-anchor published"],
    ["issuance", "--anchor published --transparency-anchor stale"],
  ])("detect: the batches of the log of %s that were used must lie within it", async (log, flags) => {
    const { json, run } = await project();
    const argv = `${detected?.argv("")} ${flags}`;
    const refused = await json(`${argv} --state s1`);
    expect(refused).toMatchObject({
      code: 3,
      document: { [log]: { verdict: "intact", anchored: 1, beyond: 1 } },
    });
    expect(await json(`${argv} --state s1`)).toMatchObject({ code: 0, document: { [log]: { anchored: 2 } } });
    const allowed = await json(`${argv} --state s2 --allow-unanchored`);
    expect(allowed.code).toBe(0);
    expect(allowed.document[log]).not.toHaveProperty("beyond");
    const { stdout } = await run(`${argv} --state s3`);
    expect(stdout).toMatch(new RegExp(`^NOT ESTABLISHED: no anchor has batch 1 of the log of ${log}\n`));
    expect(stdout.replaceAll(/\s+/g, " ")).toContain("its newest anchor has 1 batch; whoever holds");
  });

  test("detect: batches that no certificate needs may lie beyond it, and what is found is found", async () => {
    const { json, at } = await project();
    const [first = "", second = ""] = readFileSync(at("events.jsonl"), "utf8").split("\n");
    const asked = `${transparency("")} --transparency-anchor stale`;
    writeFileSync(at("one.jsonl"), `${first}\n`);
    expect((await json(`detect --in one.jsonl ${asked} --state s1`)).code).toBe(0);
    // b was refused by TLS: its issue clears nobody
    writeFileSync(at("refused.jsonl"), `${first}\n${second.replace("success", "failure")}\n`);
    expect((await json(`detect --in refused.jsonl ${asked} --state s2`)).code).toBe(0);
    writeFileSync(at("other.jsonl"), `${second}\n${event("c", "abcd")}`);
    expect((await json(`detect --in other.jsonl ${asked} --state s3`)).code).toBe(1);
  });
});

describe("anchors of logs that are read", () => {
  test("the text says what is not anchored, and what to do", async () => {
    const { run } = await project();
    const text = async (argv: string) => (await run(argv)).stdout;
    const [trace, detect] = commands;
    const traced = `${trace?.argv("")} --state t`;
    const first = await text(traced);
    expect(first).toMatch(/^NOT ESTABLISHED: the log is not anchored: its end could be cut off\n/);
    expect(first).toContain("This checkpoint is now kept");
    expect(await text(traced)).not.toContain("NOT ESTABLISHED");
    const detected = `${detect?.argv("")} --state d`;
    const both = await text(detected);
    expect(both).toMatch(/^NOT ESTABLISHED: nothing anchors the log of events and that of issuance\n/);
    expect(both.replaceAll(/\s+/g, " ")).toContain("name an anchor with --transparency-anchor");
    for (const line of `${first}\n${both}`.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(await text(detected)).toMatch(/^every certificate that was let in is logged\n/);
    expect(await text(`${commands[3]?.argv("")} --state v`)).toContain("(log-not-anchored)");
  });

  test("a checkpoint that cannot be kept is said so", async () => {
    const { at, run } = await project();
    cpSync(at("events.jsonl"), at("one.jsonl"));
    for (const { argv } of commands) {
      const { code, stderr } = await run(`${argv("")} --state /proc/no-such-place --allow-unanchored`);
      expect({ code, stderr }).toMatchObject({
        code: 0,
        stderr: expect.stringContaining("could not be kept"),
      });
    }
  });

  test.each([
    `detect --in events.jsonl --anchor published ${transparency("")}`,
    "cert verify .fleetsec/certs/a/current/cert.pem --anchor published",
    "cert verify .fleetsec/certs/a/current/cert.pem --allow-unanchored",
    "cert verify .fleetsec/certs/a/current/cert.pem --tsa-ca .fleetsec/ca/bundle.pem",
    `${commands[1]?.argv("")} ${commands[1]?.anchors} --report json=published/audit.txt`,
    `${commands[1]?.argv("")} ${commands[1]?.anchors} --report json=published/new.json`,
  ])("refuses %s", async (argv) => {
    const made = await project();
    const before = made.snapshot();
    expect(await made.json(argv)).toMatchObject({ code: 2, document: { code: "usage" } });
    expect(made.snapshot()).toEqual(before);
  });
});
