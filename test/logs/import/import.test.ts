import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gatewayEvent } from "../../../src/logs/import/gateway.ts";
import { opaEvents } from "../../../src/logs/import/opa.ts";
import { lintRecord } from "../../../src/logs/lint/event.ts";
import { runCli } from "../../support/cli.ts";
import { schemaErrors } from "../../support/schema.ts";
import { scratch } from "../../support/scratch.ts";

/** What OPA 1.22 wrote to its console with our policy, for nginx; without its metrics. */
const console = readFileSync(new URL("opa-console.jsonl", import.meta.url), "utf8");

const record = (value: unknown) => Buffer.from(JSON.stringify(value));
const common = { timestamp: "2025-11-23T06:00:00+00:00", request_id: "r1" };

/** Imports a text, and gives the events that came out of it. */
async function importText(format: string, text: string) {
  const directory = scratch();
  writeFileSync(join(directory, "in.log"), text);
  const argv = ["logs", "import", "--format", format, "--in", "in.log", "--out", "events.jsonl", "--json"];
  const { code, stdout } = await runCli(argv, { cwd: directory });
  const document = JSON.parse(stdout) as { findings: { line: number; detail: string }[] };
  expect(schemaErrors(document)).toEqual([]);
  const lines = readFileSync(join(directory, "events.jsonl"), "utf8").split("\n").filter(Boolean);
  return { code, document, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("OPA's decision log", () => {
  test("becomes authorization events; its other lines and undefined results are passed over", async () => {
    const { code, document, events } = await importText("opa", console);
    expect(code).toBe(0);
    expect(document).toMatchObject({ ok: true, lines: 18, events: 3, passedOver: 15, faults: 0 });
    expect(
      events.map(({ request_id: id, decision, reason, path }) => ({ id, decision, reason, path })),
    ).toEqual([
      { id: "r1", decision: "allow", reason: "allowed", path: "/v1/eu/tenders" },
      { id: "r2", decision: "allow", reason: "allowed", path: "/healthz" },
      { id: "r3", decision: "deny", reason: "no_identity,unknown_route", path: "/nope" },
    ]);
    expect(events[0]).toMatchObject({
      service: "opa",
      event_type: "authorization",
      policy_id: "fleet.nginx.allow",
      identity: { subject: "CN=tms,OU=carrier_dispatch,O=acme", roles: ["carrier_dispatch"] },
    });
    expect(events[2]).toMatchObject({ policy_id: "fleet.gateway" });
    expect(events[2]).not.toHaveProperty("identity");
  });

  const decision = (result: unknown, input: unknown = { request_id: "r1" }) =>
    record({ decision_id: "d", timestamp: common.timestamp, path: "a/b", input, result });

  test("takes Envoy's form of a decision", () => {
    const said = { decision: "deny", policy_id: "fleet.gateway", reason: "wrong_region", subject: "CN=a" };
    expect(opaEvents(decision({ allowed: false, dynamic_metadata: said }))).toMatchObject([
      { event: { decision: "deny", policy_id: "fleet.gateway", reason: "wrong_region" } },
    ]);
  });

  test("takes what a result says twice", () => {
    for (const result of [
      { allow: false, allowed: false },
      { allow: null, allowed: false },
    ]) {
      expect(opaEvents(decision(result))).toMatchObject([{ event: { decision: "deny" } }]);
    }
    const identity = { subject: "CN=a", serial: "0a" };
    expect(opaEvents(decision({ allow: true, allowed: true, identity }))).toMatchObject([
      { event: { decision: "allow", identity } },
    ]);
  });

  test.each([
    ["an allowed request of nobody", decision(true), "who acted is not said"],
    ["a decision without a request", decision(false, {}), "request_id"],
    ["a result that is none", decision("yes"), "result"],
    ["an allow that is none", decision({ allow: "true" }), "result: wants"],
    ["an allow beside a denial", decision({ allow: true, allowed: false }), "contradict each other"],
    ["a denial beside an allow", decision({ allow: false, allowed: true }), "contradict each other"],
    ["an allow beside what is none", decision({ allow: true, allowed: "no" }), "contradict each other"],
    ["another JSON object", record({ a: 1 }), "no entry"],
    ["text", Buffer.from("hello"), "not JSON"],
    ["a key that stands twice", Buffer.from('{"decision_id":"a","decision_id":"b"}'), "twice"],
  ])("%s is a fault", (_, line, fault) => {
    expect(opaEvents(line)).toEqual([{ fault: expect.stringContaining(fault) as string }]);
  });

  const failed = (error: unknown) => ({
    decision_id: "d",
    timestamp: common.timestamp,
    path: "a/b",
    input: { request_id: "r1", identity: { subject: "CN=a" } },
    error,
  });

  test("a decision that ended in an error is a denial that says so", () => {
    for (const [error, reason] of [
      [{ code: "eval_conflict_error", message: "…" }, "error: eval_conflict_error"],
      ["eval_conflict_error: complete rules must not produce multiple outputs", "error: eval_conflict_error"],
      [{ code: 1 }, "error: unknown"],
      ["text", "error: unknown"],
    ] as const) {
      const identity = { subject: "CN=a", serial: "" };
      expect(opaEvents(record(failed(error)))).toMatchObject([
        { event: { decision: "deny", reason, policy_id: "a.b", request_id: "r1", identity } },
      ]);
    }
    for (const none of [null, "undefined_document: data.a", { code: "undefined_document" }]) {
      expect(opaEvents(record(failed(none)))).toEqual([{ passedOver: true }]);
    }
  });

  test("an error outweighs a result, whatever that says", () => {
    const said = { allow: true, reason: "allowed", identity: { subject: "CN=b" } };
    for (const result of [true, said, false, "yes"]) {
      for (const [error, reason] of [
        [{ code: "rego_error" }, "error: rego_error"],
        ["undefined_document: data.a", "error: undefined_document"],
      ] as const) {
        const identity = { subject: "CN=a", serial: "" };
        expect(opaEvents(record({ ...failed(error), result }))).toMatchObject([
          { event: { decision: "deny", reason, identity } },
        ]);
      }
    }
    const input = { request_id: "r1", identity: { subject: "CN=a", serial: "0a" } };
    expect(opaEvents(record({ ...failed(null), input, result: true }))).toMatchObject([
      { event: { decision: "allow", reason: "allowed" } },
    ]);
  });

  test("is read as it is posted to a service: a list, each entry for itself", async () => {
    const entries = [
      JSON.parse(decision(false).toString()) as unknown,
      1,
      failed({ code: "x" }),
      { decision_id: "d" },
      { a: 1 },
    ];
    const twice = `[{"decision_id":"a","decision_id":"b"}]`;
    const { code, document, events } = await importText("opa", `${JSON.stringify(entries)}\n[]\n${twice}\n`);
    expect(code).toBe(1);
    expect(events.map(({ reason }) => reason)).toEqual(["denied", "error: x"]);
    expect(document).toMatchObject({ ok: false, lines: 3, events: 2, passedOver: 1, faults: 3 });
    expect(document.findings.map(({ line }) => line)).toEqual([1, 1, 3]);
    const { code: whole } = await importText("opa", `${JSON.stringify([entries[0], entries[2]])}\n`);
    expect(whole).toBe(0);
  });
});

describe("a gateway's access log", () => {
  test("nginx: empty texts are left out, and the status is a number", async () => {
    const line = {
      ...common,
      service: "nginx",
      event_type: "authentication",
      identity: { subject: "", serial: "" },
      result: "failure",
      reason: "NONE",
      server_name: "",
      status: "400",
    };
    const { code, events } = await importText("nginx", `${JSON.stringify(line)}\n`);
    expect(code).toBe(0);
    const { identity: _, server_name: __, ...rest } = line;
    expect(events).toEqual([{ ...rest, status: 400 }]);
  });

  test("Envoy: null and - are left out, and what is known of an identity stays", () => {
    const line = {
      ...common,
      service: "envoy",
      event_type: "authentication",
      result: "failure",
      identity: { subject: "CN=a", serial: null },
      reason: null,
      tls: "-",
    };
    expect(gatewayEvent(record(line))).toEqual({
      event: {
        ...common,
        service: "envoy",
        event_type: "authentication",
        result: "failure",
        identity: { subject: "CN=a", serial: "" },
      },
    });
  });

  test("lines that are no events are reported by their number, and the others are written", async () => {
    const good = JSON.stringify({ ...common, service: "nginx", event_type: "alert" });
    const text = `${good}\n127.0.0.1 - - "GET / HTTP/1.1" 200\n\n${good}\n{"service":"nginx"}\n`;
    const { code, document, events } = await importText("nginx", text);
    expect(code).toBe(1);
    expect(events).toHaveLength(2);
    expect(document).toMatchObject({ ok: false, lines: 5, events: 2, faults: 3 });
    expect(document.findings.map(({ line }) => line)).toEqual([2, 3, 5]);
  });
});

test("what is imported is right, and no line makes it fail", () => {
  const member = fc.oneof(fc.string(), fc.constantFrom("", "-", null, true, 1), fc.object());
  const names = fc.constantFrom(
    "identity",
    "status",
    "result",
    "input",
    "request_id",
    "decision_id",
    "__proto__",
  );
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .dictionary(names, member)
      .map((object) => record({ ...common, service: "s", event_type: "alert", ...object })),
  );
  fc.assert(
    fc.property(line, (bytes) => {
      const list = Buffer.concat([Buffer.from("["), bytes, Buffer.from("]")]);
      for (const converted of [gatewayEvent(bytes), ...opaEvents(bytes), ...opaEvents(list)]) {
        const event = "event" in converted ? record(converted.event) : undefined;
        expect(event === undefined ? [] : lintRecord(event).faults).toEqual([]);
      }
    }),
    { numRuns: 200 },
  );
});

describe("logs import", () => {
  const good = `${JSON.stringify({ ...common, service: "nginx", event_type: "alert" })}\n`;

  test("writes events to standard output, and says on stderr how many", async () => {
    const result = await runCli(["logs", "import", "--format", "nginx", "--in", "-"], { stdin: good });
    expect(result).toMatchObject({ code: 0, stdout: good });
    expect(result.stderr).toContain("1 events of 1 lines");
    const bad = await runCli(["logs", "import", "--format", "nginx", "--in", "-", "--quiet"], {
      stdin: "x\n",
    });
    expect(bad).toMatchObject({ code: 1, stdout: "" });
    expect(bad.stderr).toContain("stdin:1");
  });

  test.each([
    ["--format", "caddy"],
    ["--format", "opa", "--json"],
  ])("refuses %s %s %s", async (...flags) => {
    const argv = ["logs", "import", ...flags.filter((flag) => flag !== undefined), "--in", "-"];
    expect(await runCli(argv, { stdin: "" })).toMatchObject({ code: 2 });
  });

  test("of nothing is not established", async () => {
    for (const format of ["nginx", "opa"]) {
      const { code, document } = await importText(format, "");
      expect([code, document]).toMatchObject([3, { ok: false, lines: 0, faults: 0 }]);
    }
    const piped = await runCli(["logs", "import", "--format", "opa", "--in", "-"], { stdin: "" });
    expect(piped).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringContaining("nothing is established"),
    });
  });

  test("never writes over a file", async () => {
    const directory = scratch();
    writeFileSync(join(directory, "events.jsonl"), "keep\n");
    const argv = ["logs", "import", "--format", "nginx", "--in", "-", "--out", "events.jsonl"];
    expect(await runCli(argv, { cwd: directory, stdin: good })).toMatchObject({ code: 2 });
    expect(readFileSync(join(directory, "events.jsonl"), "utf8")).toBe("keep\n");
    const missing = ["logs", "import", "--format", "nginx", "--in", "none", "--out", "new.jsonl"];
    expect(await runCli(missing, { cwd: directory })).toMatchObject({ code: 2 });
    expect(existsSync(join(directory, "new.jsonl"))).toBe(false);
  });
});

describe("logs lint with logs.services", () => {
  test("names the events that a service never wrote", async () => {
    const directory = scratch();
    const yaml =
      "version: 1\nname: p\ndomain: fleet.internal\nlogs:\n  services:\n    nginx: [authentication, alert]\n    tms: [command]\n";
    writeFileSync(join(directory, "fleetsec.yaml"), yaml);
    const argv = ["logs", "lint", "--in", "-"];
    const { code, stdout } = await runCli([...argv, "--json"], { cwd: directory, stdin: good() });
    expect(code).toBe(1);
    const document = JSON.parse(stdout) as object;
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({
      ok: false,
      faults: 0,
      missing: [
        { service: "nginx", eventTypes: ["authentication"] },
        { service: "tms", eventTypes: ["command"] },
      ],
    });
    const text = await runCli(argv, { cwd: directory, stdin: good() });
    expect(text.stdout).toContain("nginx never wrote: authentication\ntms never wrote: command\n");
    const junit = await runCli([...argv, "--report", "junit=-"], { cwd: directory, stdin: good() });
    expect(junit.stdout).toContain("it never wrote: command");
    writeFileSync(
      join(directory, "fleetsec.yaml"),
      yaml.replace("[authentication, alert]", "[alert]").replace(/ +tms.*\n/, ""),
    );
    expect(await runCli(argv, { cwd: directory, stdin: good() })).toMatchObject({ code: 0 });
  });

  function good(): string {
    return `${JSON.stringify({ ...common, service: "nginx", event_type: "alert" })}\n`;
  }
});
