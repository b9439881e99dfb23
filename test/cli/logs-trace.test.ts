import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Files } from "../../src/platform/files.ts";
import { changingFile } from "../support/changing-file.ts";
import { type CliOptions, runCli } from "../support/cli.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const at = (second: number) => `2025-11-23T06:00:0${second}Z`;
const identity = { subject: "CN=tms,O=acme", serial: "0A:BC", roles: [] };
const events = [
  {
    timestamp: at(3),
    service: "tms",
    event_type: "command",
    request_id: "r1",
    command: "dispatch",
    requested_by: "CN=tms,O=acme",
    vehicles: ["truck-7"],
    approvals: [],
    identity,
  },
  {
    timestamp: at(1),
    service: "nginx",
    event_type: "authentication",
    request_id: "r1",
    result: "success",
    identity,
  },
  {
    timestamp: at(2),
    service: "opa",
    event_type: "authorization",
    request_id: "r1",
    policy_id: "p",
    decision: "allow",
    reason: "allowed",
    identity,
  },
  {
    timestamp: at(4),
    service: "nginx",
    event_type: "authorization",
    request_id: "r2",
    policy_id: "p",
    decision: "deny",
    reason: "\u001b[31mred",
    path: "/v1/eu/vehicles/truck-7/missions",
  },
  { timestamp: at(5), service: "nginx", event_type: "alert", request_id: "r3" },
];

/** A log with a batch for each event, or for as many. */
async function project(logged: readonly (object | string)[] = events, maxRecords = 1) {
  const directory = scratch();
  const run = async (argv: string) => runCli(argv.split(" "), { cwd: directory });
  const lines = logged.map((event) => (typeof event === "string" ? event : JSON.stringify(event)));
  // the same value, with an escape in it
  if (logged === events) lines[2] = lines[2]!.replace('"r1"', String.raw`"\u00721"`);
  writeFileSync(join(directory, "a.log"), `${lines.join("\n")}\n`);
  expect(await run("logs keygen --origin fleet.internal/audit")).toMatchObject({ code: 0 });
  const sign = `logs sign --in a.log --store store --key audit.key --max-records ${maxRecords}`;
  expect(await run(sign)).toMatchObject({ code: 0 });
  const trace = async (flags: string | readonly string[], options: CliOptions = {}) =>
    runCli(
      [
        ..."logs trace --store store --trust audit.pub --state state --allow-unanchored".split(" "),
        ...(typeof flags === "string" ? flags.split(" ") : flags),
      ],
      {
        cwd: directory,
        ...options,
      },
    );
  const services = async (flags: string | readonly string[], files?: Files) => {
    const asked = typeof flags === "string" ? flags.split(" ") : flags;
    const { code, stdout } = await trace([...asked, "--json"], files === undefined ? {} : { files });
    const document = JSON.parse(stdout) as {
      events: { seq: number; event: { service: string } }[];
      excluded: object;
    };
    expect(schemaErrors(document)).toEqual([]);
    return { code, seqs: document.events.map(({ seq }) => seq), excluded: document.excluded };
  };
  return { directory, trace, services };
}

const none = { batches: 0, first: [] };

describe("logs trace", () => {
  test("shows a request across services in the order of time", async () => {
    const { services, trace } = await project();
    expect(await services("--request-id r1")).toEqual({ code: 0, seqs: [1, 2, 0], excluded: none });
    const { code, stdout } = await trace("--request-id r1");
    expect(code).toBe(0);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/nginx.*\n.*opa.*\n.*tms/);
  });

  test("follows an identity by subject, common name and serial, with the rest of its requests", async () => {
    const { services } = await project();
    for (const name of ["CN=tms,O=acme", "tms", "abc", "0A:BC"]) {
      expect(await services(`--identity ${name}`)).toEqual({ code: 0, seqs: [1, 2, 0], excluded: none });
    }
    expect(await services("--identity tm")).toMatchObject({ seqs: [] });
  });

  test.each([
    ["0A", ["0a", "0A", "a", "00:0a", "0x0A"]],
    ["00:0a", ["0a", "0A", "a", "00:0A"]],
    ["0x0a", ["0a", "a"]],
  ])("finds the serial %s in every way of writing it", async (written, asked) => {
    const { services } = await project([
      { request_id: "r1", service: "a", identity: { subject: "CN=x", serial: written } },
      { request_id: "r2", service: "b", identity: { subject: "CN=x", serial: "0B" } },
    ]);
    for (const name of asked) expect(await services(`--identity ${name}`)).toMatchObject({ seqs: [0] });
    expect(await services("--identity 0b")).toMatchObject({ seqs: [1] });
  });

  test("finds who is shown by another certificate member, who approved, and who asked", async () => {
    const { services } = await project([
      { service: "envoy", certificate: { subject: "CN=tms,O=acme", serial: "0A:BC" }, result: "failure" },
      { service: "tms", requested_by: "O=acme, CN=tms" },
      { service: "tms", approvals: ["alice", "CN=tms,O=acme"] },
      { service: "tms", approvals: ["alice"] },
    ]);
    expect(await services("--identity tms")).toMatchObject({ code: 0, seqs: [0, 1, 2] });
    expect(await services("--identity /O=acme/CN=tms")).toMatchObject({ code: 0, seqs: [0, 1, 2] });
    expect(await services("--identity abc")).toMatchObject({ code: 0, seqs: [0] });
    expect(await services("--identity alice")).toMatchObject({ code: 0, seqs: [2, 3] });
  });

  test("finds the rest of any number of requests, and says where there are more events than it lists", async () => {
    const many = (requests: number) =>
      Array.from({ length: requests }, (_, i) => [
        { service: "tms", request_id: `r${i}`, requested_by: "tms" },
        { service: "opa", request_id: `r${i}` },
      ]).flat();
    const listed = async (requests: number) => {
      const { trace } = await project(many(requests), 100_000);
      const { code, stdout } = await trace("--identity tms --json");
      const { ok, truncated, events: found } = JSON.parse(stdout);
      return { code, ok, truncated, events: found.length, text: (await trace("--identity tms")).stdout };
    };
    const all = { code: 0, ok: true, truncated: false };
    expect(await listed(1_001)).toMatchObject({ ...all, events: 2_002 });
    expect(await listed(5_000)).toMatchObject({ ...all, events: 10_000 });
    const { text, ...more } = await listed(5_001);
    expect(more).toEqual({ code: 3, ok: false, truncated: true, events: 10_000 });
    expect(text).toMatch(/^NOT ESTABLISHED: there are more events than are listed\n/);
  });

  test("finds ids that are numbers", async () => {
    const { services } = await project([
      { service: "a", request_id: 77, vehicles: [7] },
      { service: "b", request_id: "77" },
      '{"service":"c","request_id":12345678901234567890,"vehicle":8}',
      '{"service":"d","request_id":1.2345678901234567e19}',
      { service: "e", request_id: "" },
    ]);
    expect(await services("--request-id 77")).toMatchObject({ code: 0, seqs: [0, 1] });
    expect(await services("--vehicle 7")).toMatchObject({ code: 0, seqs: [0, 1] });
    expect(await services("--request-id 12345678901234567890")).toMatchObject({ code: 0, seqs: [2] });
    expect(await services("--vehicle 8")).toMatchObject({ code: 0, seqs: [2, 3] });
    expect(await services("--request-id 78")).toMatchObject({ code: 0, seqs: [] });
  });

  test("finds events without a request beside those of one request", async () => {
    const who = { identity: { subject: "CN=x", serial: "0A" } };
    const { services } = await project([
      { ...who, service: "a", request_id: "r1" },
      { service: "b", request_id: "r1" },
      { ...who, service: "c" },
      { service: "d", vehicle: "truck-7", request_id: "r9" },
      { service: "e", vehicle: "truck-7" },
      { service: "f", request_id: "r2" },
    ]);
    for (const name of ["x", "CN=x", "0a"]) {
      expect(await services(`--identity ${name}`)).toMatchObject({ seqs: [0, 1, 2] });
    }
    expect(await services("--vehicle truck-7")).toMatchObject({ seqs: [3, 4] });
  });

  test("counts records that may be about it and are no events", async () => {
    const { trace, services } = await project([
      { service: "a", request_id: "r1", vehicle: "truck-9" },
      '{"service":"b","request_id":"r1","request_id":"r1"}',
      '{"service":"c","request_id":"r2","request_id":"r3"}',
      "no JSON",
    ]);
    const unread = async (flags: string) =>
      JSON.parse((await trace(`${flags} --json`)).stdout).unread as number;
    expect(await unread("--request-id r1")).toBe(1);
    expect(await unread("--request-id r9")).toBe(0);
    expect(await unread("--vehicle truck-9")).toBe(1);
    expect(await unread("--identity 0a")).toBe(3);
    // of what cannot be read, nobody knows whether it is about it
    expect(await services("--request-id r1")).toMatchObject({ code: 3, seqs: [0] });
    expect(await services("--request-id r9")).toMatchObject({ code: 0, seqs: [] });
    const { stdout } = await trace("--identity 0a");
    expect(stdout).toMatch(/^NOT ESTABLISHED: some records that may be about it are no events\n/);
    expect(stdout).toContain("unread   3 records that may be about it are no events");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test.each([3, 20])(
    "a record that is no event counts where it has one of %i requests in it",
    async (requests) => {
      const ids = Array.from({ length: requests }, (_, i) => `r-${i}`);
      const unread = async (...junk: readonly string[]) => {
        const lines = ids.map((id) => ({ request_id: id, requested_by: "tms" }));
        const { trace } = await project([...lines, ...junk], 100);
        const { code, stdout } = await trace("--identity tms --json");
        return { code, unread: JSON.parse(stdout).unread };
      };
      expect(await unread("GET / 200", "request r_2 of others", "")).toEqual({ code: 0, unread: 0 });
      for (const junk of ["GET /?id=r-2 200", '{"request_id":"r-2"', "by tms", String.raw`"\u0072-2"`])
        expect({ junk, ...(await unread(junk)) }).toEqual({ junk, code: 3, unread: 1 });
    },
  );

  test("says in the first line that the log is no whole, and names one batch as one", async () => {
    const { directory, trace } = await project([{ service: "a", request_id: "r1" }]);
    const { stdout } = await trace("--request-id r1");
    expect(stdout).toContain("fleet.internal/audit, 1 batch: unanchored");
    expect(stdout).not.toContain("ALTERED");
    writeFileSync(join(directory, "store/stray"), "x");
    expect(await trace("--request-id r1")).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^ALTERED: the log does not stand as a whole; what it shows may be forged\n/,
      ),
    });
  });

  test("follows a vehicle by commands and by paths", async () => {
    const { services } = await project();
    expect(await services("--vehicle truck-7")).toEqual({ code: 0, seqs: [1, 2, 0, 3], excluded: none });
    expect(await services("--vehicle truck")).toMatchObject({ seqs: [] });
  });

  test("finds a vehicle in each field that names one, and in a path however it is encoded", async () => {
    const { services } = await project([
      { service: "a", vehicle_id: "truck 17" },
      { service: "b", vehicle: { id: "truck 17" } },
      { service: "c", vehicles: [{ id: "truck 17" }, { id: "truck 18" }] },
      { service: "d", vehicles: [{ vehicle_id: "truck 17" }] },
      { service: "e", path: "/v1/vehicles/truck%2017/missions" },
      { service: "f", path: "/v1/%76ehicles/%74ruck%2017?x#y" },
      { service: "g", path: "/v1/vehicles/truck%2018/missions?vehicles/truck 17" },
      { service: "h", vehicle: { name: "truck 17" }, path: "/v1/vehicles/%zz" },
      { service: "i", vehicle: 17 },
    ]);
    const found = async (id: string) => (await services(["--vehicle", id])).seqs;
    expect(await found("truck 17")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await found("truck 18")).toEqual([2, 6]);
    expect(await found("%zz")).toEqual([7]);
    expect(await found("17")).toEqual([8]);
  });

  test("records of many requests of a vehicle that are no events count where they may be about them", async () => {
    const many = Array.from({ length: 12 }, (_, i) => ({ request_id: `r${i}`, service: "a", vehicle: "v1" }));
    const { services } = await project([...many, "a line of something else"], 20);
    expect(await services("--vehicle v1")).toMatchObject({ code: 0 });
    const other = await project([...many, "GET /vehicles/%76%31"], 20);
    expect(await other.services("--vehicle v1")).toMatchObject({ code: 3 });
  });

  test("the table shows ids that are numbers, and the lines of a CA's inventory; a leap second is in its place", async () => {
    const { trace, services } = await project([
      { service: "a", timestamp: "2017-01-01T00:00:01Z", request_id: 4711, vehicle: "v1" },
      { service: "b", timestamp: "2016-12-31T23:59:60Z", request_id: 4711 },
      { service: "c", timestamp: "2016-12-31T23:59:59Z", request_id: 4711 },
      { op: "issue", at: "2016-12-31T23:00:00.000Z", name: "truck", serial: "0ABC" },
      { op: "revoke", at: "2016-12-31T23:30:00.000Z", serial: "0ABC", reason: "keyCompromise" },
    ]);
    expect(await services("--request-id 4711")).toMatchObject({ seqs: [2, 1, 0] });
    const { stdout } = await trace("--vehicle v1");
    expect(stdout).toMatch(/^2017-01-01T00:00:01Z +a +4711 +0:1$/m);
    const inventory = await trace("--identity 0ABC");
    expect(inventory.stdout).toMatch(/^2016-12-31T23:00:00.000Z +issue +truck 0ABC +3:1$/m);
    expect(inventory.stdout).toMatch(/^2016-12-31T23:30:00.000Z +revoke +0ABC keyCompromise +4:1$/m);
  });

  test("leaves out what is not verified, and says so", async () => {
    const { directory, services, trace } = await project();
    const path = join(directory, "store/fleetsec/batch/001.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace("success", "failure"));
    expect(await services("--request-id r1")).toEqual({
      code: 1,
      seqs: [2, 0],
      excluded: { batches: 1, first: [1] },
    });
    expect((await trace("--request-id r1")).stdout).toContain("left out 1 batch that is not verified: 1");
  });

  test.each(["--request-id r1", "--identity tms", "--vehicle truck-7"])(
    "leaves out a batch that changes after it was verified, and establishes nothing: %s",
    async (query) => {
      const { directory, services } = await project();
      const path = join(directory, "store/fleetsec/batch/001.jsonl");
      const before = readFileSync(path);
      const found = await services(query);
      expect(found).toMatchObject({ code: 0, seqs: expect.arrayContaining([1]), excluded: none });
      const changes = [
        () => rmSync(path),
        () => writeFileSync(path, before.toString().replace("success", "failure")),
      ];
      for (const change of changes) {
        expect(await services(query, changingFile(path, change))).toEqual({
          code: 3,
          seqs: found.seqs.filter((seq) => seq !== 1),
          excluded: { batches: 1, first: [1] },
        });
        writeFileSync(path, before);
        expect(
          await services(
            query,
            changingFile(path, () => {}),
          ),
        ).toEqual(found);
      }
    },
  );

  test("--origin says which of several logs is wanted", async () => {
    const { directory, services } = await project();
    const made = await runCli(["logs", "keygen", "--origin", "fleet.internal/other"], { cwd: directory });
    expect(made).toMatchObject({ code: 0 });
    const pubs = ["audit.pub", "other.pub"].map((name) => readFileSync(join(directory, name), "utf8"));
    writeFileSync(join(directory, "audit.pub"), pubs.join(""));
    const asked = "--request-id r1 --origin fleet.internal";
    expect(await services(`${asked}/audit`)).toMatchObject({ code: 0, seqs: [1, 2, 0] });
    expect(await services(`${asked}/other`)).toMatchObject({ code: 1, seqs: [] });
  });

  test("believes nothing where no trusted key signed", async () => {
    const { directory, services } = await project();
    await runCli(["logs", "keygen", "--origin", "fleet.internal/audit", "--out", "other"], {
      cwd: directory,
    });
    writeFileSync(join(directory, "audit.pub"), readFileSync(join(directory, "other/audit.pub")));
    expect(await services("--request-id r1")).toMatchObject({ code: 1, seqs: [] });
  });

  test("writes no control character to a terminal", async () => {
    const { trace } = await project();
    const { stdout } = await trace("--request-id r2");
    expect(stdout).toContain("deny");
    expect(stdout).not.toContain("\u001b");
  });

  test.each(["", "--request-id r1 --vehicle v", "--request-id="])("refuses %j", async (flags) => {
    const { trace } = await project();
    expect(await trace(flags).catch(() => ({ code: 2 }))).toMatchObject({ code: 2 });
  });
});
