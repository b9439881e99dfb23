import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canonicalJson, type Json } from "../../../src/logs/lint/canonical-json.ts";
import { lintRecord } from "../../../src/logs/lint/event.ts";
import { lintLogs } from "../../../src/logs/lint/lint.ts";
import { instantOf, isRfc3339 } from "../../../src/logs/lint/timestamp.ts";
import { scratch } from "../../support/scratch.ts";
import { signParts, stdinOf } from "../sign/parts.ts";
import { eventOf } from "../store-model.ts";

const base = {
  timestamp: "2025-11-23T06:00:00.123Z",
  service: "gateway",
  event_type: "alert",
  request_id: "r-1",
};
const identity = { subject: "CN=truck-17", serial: "0a1b", roles: ["fleet-edge"] };
const authorization = {
  ...base,
  event_type: "authorization",
  identity,
  policy_id: "p",
  decision: "allow",
  reason: "role",
};
const command = {
  ...base,
  event_type: "command",
  identity,
  command: "hold",
  requested_by: "dispatcher",
  vehicles: ["truck-17"],
  approvals: [],
};

function codesOf(record: unknown): string[] {
  const text = typeof record === "string" ? record : JSON.stringify(record);
  return lintRecord(Buffer.from(text)).faults.map(({ code, field }) =>
    field === undefined ? code : `${code} ${field}`,
  );
}

function signed(event: Record<string, Json>): Record<string, Json> {
  const digest = createHash("sha256")
    .update(canonicalJson(event) ?? "")
    .digest("hex");
  return { ...event, signature: `sha256:${digest}` };
}

describe("a record", () => {
  test.each([
    base,
    authorization,
    command,
    { ...base, event_type: "authentication", result: "failure" },
    { ...base, event_type: "authentication", result: "failure", identity: { subject: "", serial: "" } },
    { ...base, event_type: "authentication", result: "success", identity },
    { ...authorization, decision: "deny", identity: { subject: "", serial: "", roles: null } },
    signed(base),
    signed({ ...base, n: 1.5, nested: { b: [1, "é"], a: null } }),
  ])("that is right has no fault: %j", (event) => {
    expect(codesOf(event)).toEqual([]);
  });

  test("of the model is right", () => {
    for (let n = 0; n < 200; n += 1) expect(codesOf(eventOf(n))).toEqual([]);
  });

  test.each([
    ["empty", "", "NOT_JSON"],
    ["no JSON", "{'a':1}", "NOT_JSON"],
    ["JSON with something after it", "{} {}", "NOT_JSON"],
    ["JSON with a byte order mark", "\ufeff{}", "NOT_JSON"],
    ["a list", "[]", "NOT_OBJECT"],
    ["null", "null", "NOT_OBJECT"],
    ["an object with a key twice", '{"a":1,"a":1}', "DUPLICATE_KEY a"],
    ["too deep", `{"a":${"[".repeat(40)}${"]".repeat(40)}}`, "TOO_DEEP"],
  ])("that is %s is refused as a whole", (_, text, code) => {
    expect(codesOf(text)).toEqual([code]);
  });

  test("that is no UTF-8 is refused as a whole", () => {
    const record = Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff), Buffer.from('"}')]);
    expect(lintRecord(record).faults).toMatchObject([{ code: "NOT_UTF8" }]);
  });

  test("that is nested a million times costs no stack", () => {
    expect(codesOf(`{"a":${"[".repeat(500_000)}${"]".repeat(500_000)}}`)).toEqual(["TOO_DEEP"]);
  });

  test.each(["timestamp", "service", "event_type", "request_id"])("needs %s", (field) => {
    const { [field as keyof typeof base]: _, ...rest } = base;
    expect(codesOf(rest)).toEqual([`FIELD_MISSING ${field}`]);
    expect(codesOf({ ...base, [field]: "" })).toEqual([`FIELD_INVALID ${field}`]);
    expect(codesOf({ ...base, [field]: 7 })).toEqual([`FIELD_INVALID ${field}`]);
  });

  test.each(["policy_id", "decision", "reason"])("of an authorization needs %s", (field) => {
    const { [field as "reason"]: _, ...rest } = authorization;
    expect(codesOf(rest)).toEqual([`FIELD_MISSING ${field}`]);
  });

  test.each(["command", "requested_by", "vehicles", "approvals"])("of a command needs %s", (field) => {
    const { [field as "command"]: _, ...rest } = command;
    expect(codesOf(rest)).toEqual([`FIELD_MISSING ${field}`]);
    expect(codesOf({ ...command, [field]: 1 })).toEqual([`FIELD_INVALID ${field}`]);
  });

  test("says who acted, where something was allowed or commanded", () => {
    expect(codesOf({ ...authorization, identity: undefined })).toEqual(["FIELD_MISSING identity"]);
    expect(codesOf({ ...authorization, identity: { subject: "", serial: "1" } })).toEqual([
      "FIELD_INVALID identity.subject",
    ]);
    expect(codesOf({ ...command, identity: "me" })).toEqual(["FIELD_INVALID identity"]);
    expect(codesOf({ ...command, identity: { ...identity, roles: "admin" } })).toEqual([
      "FIELD_INVALID identity.roles",
    ]);
    expect(codesOf({ ...command, vehicles: [] })).toEqual(["FIELD_INVALID vehicles"]);
    expect(codesOf({ ...authorization, decision: "perhaps" })).toEqual(["FIELD_INVALID decision"]);
  });

  test.each(["success", undefined])("names who was let in by TLS, its result being %s", (result) => {
    const event = { ...base, event_type: "authentication", result };
    expect(codesOf({ ...event, identity })).toEqual([]);
    expect(codesOf(event)).toEqual(["FIELD_MISSING identity"]);
    expect(codesOf({ ...event, identity: { ...identity, serial: "" } })).toEqual([
      "FIELD_INVALID identity.serial",
    ]);
    expect(codesOf({ ...event, identity: { ...identity, subject: "" } })).toEqual([
      "FIELD_INVALID identity.subject",
    ]);
  });

  const sha256 = "ab".repeat(32);
  test.each([sha256, sha256.toUpperCase(), `sha256:${sha256}`, "AB:".repeat(32).slice(0, -1), "", "-", null])(
    "may give the SHA-256 %j",
    (said) => {
      expect(codesOf({ ...command, identity: { ...identity, sha256: said } })).toEqual([]);
      expect(codesOf({ ...base, certificate: { sha256: said } })).toEqual([]);
    },
  );

  test.each(["abcd", `${sha256}00`, "unknown", 7, {}])("does not give the SHA-256 %j", (said) => {
    const wrong = { ...command, identity: { ...identity, sha256: said } };
    expect(codesOf(wrong)).toEqual(["FIELD_INVALID identity.sha256"]);
    expect(codesOf({ ...base, certificate: { sha256: said } })).toEqual(["FIELD_INVALID certificate.sha256"]);
  });

  test.each(["0A", "0a:bc", "0x0a", "00"])("may give the serial number %j", (serial) => {
    expect(codesOf({ ...command, identity: { ...identity, serial } })).toEqual([]);
    expect(codesOf({ ...base, certificate: { serial } })).toEqual([]);
  });

  test.each(["unknown", 7, "0".repeat(3) + "f".repeat(65)])(
    "does not give the serial number %j",
    (serial) => {
      expect(codesOf({ ...command, identity: { ...identity, serial } })).toEqual([
        "FIELD_INVALID identity.serial",
      ]);
      expect(codesOf({ ...base, identity: { subject: "", serial } })).toEqual([
        "FIELD_INVALID identity.serial",
      ]);
      expect(codesOf({ ...base, certificate: { serial } })).toEqual(["FIELD_INVALID certificate.serial"]);
    },
  );

  test("with a signature is what the signature is over", () => {
    const right = signed(base);
    expect(codesOf({ ...right, service: "other" })).toEqual(["SIGNATURE_MISMATCH signature"]);
    expect(codesOf({ ...right, signature: "sha256:0" })).toEqual(["FIELD_INVALID signature"]);
    expect(codesOf({ ...right, signature: null })).toEqual(["FIELD_INVALID signature"]);
    // white space and the order of keys are not signed
    expect(codesOf(JSON.stringify(Object.fromEntries(Object.entries(right).toReversed()), null, 1))).toEqual(
      [],
    );
    expect(codesOf(JSON.stringify(right).replace("{", '{"n":1e999,'))).toEqual([
      "SIGNATURE_MISMATCH signature",
    ]);
  });
});

describe("a timestamp", () => {
  test("is an instant; a leap second is the second after it", () => {
    expect(instantOf("2016-12-31T23:59:60.500Z")).toBe(Date.parse("2017-01-01T00:00:00.500Z"));
    expect(instantOf("2017-01-01t01:00:00+01:00")).toBe(Date.parse("2017-01-01T00:00:00Z"));
    expect(instantOf("2016-12-31")).toBeUndefined();
  });

  test.each([
    "2025-11-23T06:00:00Z",
    "2024-02-29T23:59:60Z",
    "2025-11-23t06:00:00.123456789z",
    "2025-11-23T06:00:00-05:30",
    "0001-01-01T00:00:00Z",
  ])("may be %s", (text) => expect(isRfc3339(text)).toBe(true));

  test.each([
    "2025-11-23",
    "2025-11-23 06:00:00Z",
    "2025-11-23T06:00:00",
    "2025-02-29T06:00:00Z",
    "2025-04-31T06:00:00Z",
    "2025-13-01T06:00:00Z",
    "2025-00-01T06:00:00Z",
    "2025-11-00T06:00:00Z",
    "2025-11-23T24:00:00Z",
    "2025-11-23T06:60:00Z",
    "2025-11-23T06:00:60Z",
    "2025-11-23T06:00:00+24:00",
    "2025-11-23T06:00:00+0000",
    "2025-11-23T06:00:00.Z",
    "2025-11-23T06:00:00Z\n",
  ])("is never %j", (text) => expect(isRfc3339(text)).toBe(false));
});

describe("lint", () => {
  const right = JSON.stringify(base);

  test("gives file and line of every fault", async () => {
    const directory = scratch();
    mkdirSync(join(directory, "logs"));
    writeFileSync(join(directory, "logs", "b.log"), `${right}\n\n${right}`);
    writeFileSync(join(directory, "logs", "a.log"), `${right}\nx`);
    const result = await lintLogs([join(directory, "logs"), "-"], {
      ...signParts(),
      stdin: stdinOf(`${right}\n[`, "]\n"),
    });
    expect(result).toMatchObject({ ok: false, faults: 3, checked: { files: 3, records: 7 } });
    expect(result.findings.map(({ file, line, code }) => [file, line, code])).toEqual([
      [join(directory, "logs", "a.log"), 2, "NOT_JSON"],
      [join(directory, "logs", "b.log"), 2, "NOT_JSON"],
      ["-", 2, "NOT_OBJECT"],
    ]);
  });

  test("counts lines across blocks, and lists no more than 1000 faults", async () => {
    const directory = scratch();
    const path = join(directory, "a.log");
    writeFileSync(path, `${`${right}\n`.repeat(20_000)}${"x\n".repeat(1500)}`);
    const result = await lintLogs([path], signParts());
    expect(result.faults).toBe(1500);
    expect(result.findings).toHaveLength(1000);
    expect(result.findings[0]?.line).toBe(20_001);
  });

  test("of nothing but right events is well", async () => {
    const path = join(scratch(), "a.log");
    writeFileSync(path, `${right}\n`);
    expect(await lintLogs([path], signParts())).toMatchObject({ ok: true, faults: 0, findings: [] });
  });
});
