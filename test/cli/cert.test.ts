import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  unlinkSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openInventory } from "../../src/pki/inventory.ts";
import { movablePlatform } from "../support/pki.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { scratch } from "../support/scratch.ts";
import { schemaErrors } from "../support/schema.ts";

const HOUR = 3_600_000;
const ISSUE = ["cert", "issue", "truck-1", "--role", "fleet-edge"];

const GATEWAY = ["cert", "issue", "edge", "--role", "gateway"];
const sans = (...names: string[]) => names.flatMap((name) => ["--san", name]);

async function withCa(edit?: (config: string) => string): Promise<TestProject> {
  const project = testProject(edit);
  expect((await project.run(["ca", "init", "--insecure-dev-key"])).code).toBe(0);
  return project;
}

/** A refusal after which everything is as it was. */
const refusal = (code: string) => ({ exit: 2, code, changed: false });

const at = (time: number) => ({ clock: movablePlatform(time).clock });

test("what was issued while the clock was ahead is not called valid, and is renewed when that is put back", async () => {
  const project = await withCa();
  await project.run(ISSUE);
  await project.run(["cert", "issue", "truck-2", "--role", "fleet-edge"]);
  const crl = join(project.directory, ".fleetsec/ca/crl.pem");
  const begins = () => execFileSync("openssl", ["crl", "-in", crl, "-noout", "-lastupdate"]).toString();
  const thisUpdate = () => Date.parse(begins().trim().replace("lastUpdate=", ""));
  const ahead = at(Date.now() + 4 * 24 * HOUR);
  await project.run(["cert", "renew", "truck-1", "--force"], ahead);
  expect(thisUpdate()).toBeGreaterThan(Date.now());
  const statuses = async () => {
    const { document } = await project.json(["cert", "list"]);
    expect(schemaErrors(document)).toEqual([]);
    return document.certificates.map(
      ({ name, status }: { name: string; status: string }) => `${name} ${status}`,
    );
  };
  expect(await statuses()).toEqual(["truck-1 superseded", "truck-2 valid", "truck-1 not-yet-valid"]);
  const warned = await project.run(["cert", "list", "--status", "not-yet-valid"]);
  expect([warned.stdout.trim().split("\n").length, warned.stderr]).toEqual([
    2,
    expect.stringContaining("is not valid yet"),
  ]);
  const shown = (await project.json(["ca", "show"])).document.crl;
  expect([shown.number, shown.stale]).toEqual([2, true]);
  const needed = await project.run(["cert", "needs-renewal", "truck-1"]);
  expect([needed.code, needed.stdout]).toEqual([1, expect.stringContaining("is not valid before")]);
  expect((await project.run(["cert", "needs-renewal", "truck-2"])).code).toBe(0);

  // whoever renews mends the CRL, too
  expect((await project.json(["cert", "renew", "truck-2"])).document.renewed).toBe(false);
  expect(thisUpdate()).toBeLessThan(Date.now());
  const mended = (await project.json(["ca", "show"])).document.crl;
  expect([mended.number, mended.stale]).toEqual([3, false]);
  const renewed = await project.json(["cert", "renew", "truck-1"]);
  expect(renewed.document.renewed).toBe(true);
  expect(Date.parse(renewed.document.notBefore)).toBeLessThan(Date.now());
  expect((await project.json(["cert", "renew", "truck-1"])).document.renewed).toBe(false);
});

test("nothing is issued, and no CRL made, by a clock that is behind the CA's own beginning", async () => {
  const project = await withCa();
  await project.run(ISSUE);
  const behind = at(Date.now() - 30 * 24 * HOUR);
  expect(await project.attempt(["cert", "renew", "truck-1"], behind)).toMatchObject(refusal("refused"));
  expect(await project.attempt(ISSUE, behind)).toMatchObject(refusal("refused"));
  expect((await project.json(["cert", "renew", "truck-1"])).document.renewed).toBe(false);
});

describe("cert issue", () => {
  test("gives stable paths to a certificate and its key", async () => {
    const project = await withCa();
    const { code, document } = await project.json(ISSUE);
    expect(code).toBe(0);
    expect(schemaErrors(document)).toEqual([]);
    expect(document.files.cert).toBe(join(project.directory, ".fleetsec/certs/truck-1/current/cert.pem"));
    const certificate = new X509Certificate(readFileSync(document.files.cert));
    expect(certificate.serialNumber).toBe(document.serial);
    expect(Date.parse(certificate.validTo)).toBe(Date.parse(document.notAfter));
  });

  test("says it in 80 columns, however many names there are, and the path of its files outside the project", async () => {
    const project = await withCa();
    const names = Array.from({ length: 12 }, (_, n) => `dns:gateway-${n}.a-long-name.fleet.internal`);
    const out = scratch();
    const { code, stdout } = await project.run([...GATEWAY, "--out", out, ...sans(...names)]);
    expect(code).toBe(0);
    const lines = stdout.split("\n").filter((line) => !line.includes(out));
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    for (const name of names) expect(stdout).toContain(name);
    expect(stdout).toContain(`${out}/edge/current/{cert,key,chain,bundle}.pem`);
  });

  test("takes names, a lifetime, a key type and a directory", async () => {
    const project = await withCa();
    const { document } = await project.json([
      ...GATEWAY.concat("--ttl", "2h", "--key-type", "p384", "--out", "certs"),
      ...sans("dns:localhost", "ip:127.0.0.1", "ip:0:0:0:0:0:0:0:1"),
    ]);
    const certificate = new X509Certificate(
      readFileSync(join(project.directory, "certs/edge/current/cert.pem")),
    );
    expect(certificate.subjectAltName).toBe(
      "DNS:edge.fleet.internal, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
    );
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("secp384r1");
    expect(Date.parse(document.notAfter) - Date.parse(document.notBefore)).toBe(2 * HOUR + 60_000);
    expect(existsSync(join(project.directory, ".fleetsec/certs"))).toBe(false);
  });

  test.each([
    ["one", ["cert", "issue", "truck-1", "--role", "fleet-edge", "--out", "out"]],
    ["a roster", ["cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge", "--out", "out"]],
  ])("follows no link that stands in place of NAME: %s", async (_title, argv) => {
    const project = await withCa();
    const below = (path: string) => join(project.directory, path);
    writeFileSync(below("fleet.csv"), "name\ntruck-1\n");
    // its numbered directories look like generations that nobody recorded
    mkdirSync(below("elsewhere/7"), { recursive: true });
    writeFileSync(below("elsewhere/7/data"), "theirs");
    mkdirSync(below("out"));
    symlinkSync("../elsewhere", below("out/truck-1"));
    expect(await project.attempt(argv)).toMatchObject(refusal("exists"));
    expect((await project.json(["cert", "list"])).document.certificates).toEqual([]);
    unlinkSync(below("out/truck-1"));
    expect((await project.run(argv)).code).toBe(0);
    expect(readdirSync(below("elsewhere"))).toEqual(["7"]);
  });

  test("says in text what it made", async () => {
    const project = await withCa();
    const { stdout, stderr } = await project.run(ISSUE);
    expect(stdout).toContain("issued truck-1\n");
    expect(stdout).toContain(".fleetsec/certs/truck-1/current/{cert,key,chain,bundle}.pem");
    expect(stderr).toBe("");
    expect((await project.run(ISSUE)).stdout).toContain("replaces");
  });

  test.each([
    ["../escape"],
    ["a/b"],
    [".."],
    ["."],
    [""],
    ["x, O=Admin"],
    ["x+OU=admin"],
    ["Truck"],
    ["truck_1"],
    ["-truck"],
    ["truck."],
    ["a..b"],
    ["a\0b"],
    ["a\nb"],
    ["trück"],
    ["t".repeat(65)],
  ])("the name %j is refused", async (name) => {
    const project = await withCa();
    expect(await project.attempt(["cert", "issue", "--role", "fleet-edge", "--", name])).toMatchObject(
      refusal("usage"),
    );
  });

  test.each([["0"], ["0s"], ["-1h"], ["1.5h"], ["24"], ["24 h"], ["1h30m"], ["forever"], [""]])(
    "the lifetime %j is no duration",
    async (ttl) => {
      const project = await withCa();
      expect(await project.attempt([...ISSUE, `--ttl=${ttl}`])).toMatchObject(refusal("usage"));
    },
  );

  test.each([
    ["more than the role allows", ["--ttl", "73h"], "max_ttl"],
    ["an absurd lifetime", ["--ttl", "9999999999d"], "max_ttl"],
    ["a DNS name elsewhere", ["--san", "dns:bank.example"], "allowed_domains"],
    ["the bare domain", ["--san", "dns:fleet.internal"], "allow_bare_domains"],
    [
      "a name that only looks like one below the domain",
      ["--san", "dns:evilfleet.internal"],
      "allowed_domains",
    ],
    ["an address", ["--san", "ip:127.0.0.1"], "allow_ip_sans"],
    ["another role's SPIFFE ID", ["--san", "uri:spiffe://fleet.internal/gateway/a"], "allowed_uri_sans"],
    [
      "a SPIFFE ID deeper than the glob",
      ["--san", "uri:spiffe://fleet.internal/fleet-edge/a/b"],
      "allowed_uri_sans",
    ],
    [
      "two SPIFFE IDs",
      sans("uri:spiffe://fleet.internal/fleet-edge/a", "uri:spiffe://fleet.internal/fleet-edge/b"),
      "SPIFFE ID",
    ],
  ])("%s is refused with the rule", async (_, flags, rule) => {
    const project = await withCa();
    const result = await project.attempt([...ISSUE, ...flags]);
    expect(result).toMatchObject(refusal("refused"));
    expect(result.text).toContain(rule);
  });

  test.each([
    ["san", "fleet.internal"],
    ["san", "dns:*.fleet.internal"],
    ["san", "dns:UPPER.fleet.internal"],
    ["san", "dns:"],
    ["san", "dns:a b"],
    ["san", "ip:1.2.3"],
    ["san", "ip:fe80::1%eth0"],
    ["san", "uri:https://fleet.internal/"],
    ["san", "uri:spiffe://fleet.internal"],
    ["san", "uri:spiffe://fleet.internal/"],
    ["san", "uri:spiffe://fleet.internal/fleet-edge/../gateway"],
    ["san", "uri:spiffe://fleet.internal/fleet-edge/a\0"],
    ["san", "email:a@fleet.internal"],
    ["key-type", "rsa1024"],
    ["key-type", "P256"],
  ])("--%s %j is a usage error", async (flag, value) => {
    const project = await withCa();
    expect(await project.attempt([...ISSUE, `--${flag}=${value}`])).toMatchObject(refusal("usage"));
  });

  test("an unknown role is refused, whatever it is called, and none at all is a usage error", async () => {
    const project = await withCa();
    for (const role of ["admin", "__proto__", "constructor"]) {
      expect(await project.attempt(["cert", "issue", "a", "--role", role])).toMatchObject(
        refusal("not-found"),
      );
    }
    expect(await project.attempt(["cert", "issue", "a"])).toMatchObject(refusal("usage"));
    expect(await project.attempt(["cert", "issue", "--role", "fleet-edge"])).toMatchObject(refusal("usage"));
  });

  test("a role's deny list and key types hold", async () => {
    const project = await withCa((config) =>
      config.replace(
        "application_roles: [vehicle_agent]",
        'application_roles: [vehicle_agent]\n      deny: ["*admin*"]\n      key_types: [p384]',
      ),
    );
    expect(await project.attempt(["cert", "issue", "badmin", "--role", "fleet-edge"])).toMatchObject(
      refusal("refused"),
    );
    expect(await project.attempt([...ISSUE, "--key-type", "p256"])).toMatchObject(refusal("refused"));
    expect((await project.run(ISSUE)).code).toBe(0);
  });

  test("a name that the role allows but the issuing CA was not made for is refused", async () => {
    const project = await withCa();
    const config = join(project.directory, "fleetsec.yaml");
    writeFileSync(
      config,
      readFileSync(config, "utf8").replace(
        "allowed_domains: [fleet.internal]",
        "allowed_domains: [fleet.internal, other.example]",
      ),
    );
    expect(await project.attempt([...ISSUE, "--san", "dns:a.other.example"])).toMatchObject(
      refusal("refused"),
    );
    expect(
      await project.attempt(["cert", "issue", "g", "--role", "gateway", "--san", "ip:8.8.8.8"]),
    ).toMatchObject(refusal("refused"));
    expect((await project.run([...ISSUE, "--san", "dns:a.fleet.internal"])).code).toBe(0);
  });

  test("a name in use for one role is not given a certificate of another", async () => {
    const project = await withCa();
    expect((await project.run(ISSUE)).code).toBe(0);
    const other = [...ISSUE.slice(0, 3), "--role", "gateway"];
    expect(await project.attempt(other)).toMatchObject(refusal("refused"));
    expect((await project.run(ISSUE)).code).toBe(0);
    expect((await project.run(["cert", "revoke", ISSUE[2] ?? ""])).code).toBe(0);
    expect((await project.run(other)).code).toBe(0);
  });

  test("nothing outlives the issuing CA", async () => {
    const project = await withCa();
    const end = Date.parse((await project.json(["ca", "show"])).document.issuing.notAfter);
    const early = await project.json(ISSUE, at(end - 23 * HOUR));
    expect([early.code, early.document.code]).toEqual([2, "refused"]);
    expect((await project.json([...ISSUE, "--ttl", "22h"], at(end - 23 * HOUR))).code).toBe(0);
    expect((await project.json(ISSUE, at(end + HOUR))).document.code).toBe("refused");
  });

  test("--out that cannot be written to, or holds something else, is refused", async () => {
    const project = await withCa();
    writeFileSync(join(project.directory, "file"), "");
    expect(await project.attempt([...ISSUE, "--out", "file"])).toMatchObject(refusal("input"));
    await project.run([...ISSUE, "--out", "out"]);
    const current = join(project.directory, "out/truck-1/current");
    rmSync(current);
    writeFileSync(current, "mine");
    expect(await project.attempt([...ISSUE, "--out", "out"])).toMatchObject(refusal("exists"));
  });
});

describe("cert renew and needs-renewal", () => {
  test("do nothing until the certificate is due", async () => {
    const project = await withCa();
    const issued = (await project.json(ISSUE)).document;
    const needed = await project.json(["cert", "needs-renewal", "truck-1"]);
    expect([needed.code, needed.document.isDue, schemaErrors(needed.document)]).toEqual([0, false, []]);
    const before = project.snapshot();
    const renewed = await project.json(["cert", "renew", "truck-1"]);
    expect([renewed.code, renewed.document.renewed, schemaErrors(renewed.document)]).toEqual([0, false, []]);
    expect(renewed.document).toMatchObject({ serial: issued.serial, due: needed.document.due });
    expect(project.snapshot()).toEqual(before);
  });

  test("when it is due, needs-renewal ends with 1 and renew replaces it under the same paths", async () => {
    const project = await withCa();
    const issued = (await project.json(ISSUE)).document;
    const later = at(Date.now() + 17 * HOUR);
    expect((await project.json(["cert", "needs-renewal", "truck-1"], later)).code).toBe(1);
    const renewed = await project.json(["cert", "renew", "truck-1"], later);
    expect([renewed.code, renewed.document.renewed, schemaErrors(renewed.document)]).toEqual([0, true, []]);
    expect(renewed.document.files).toEqual(issued.files);
    expect(renewed.document.serial).not.toBe(issued.serial);
    expect((await project.json(["cert", "needs-renewal", "truck-1"], later)).code).toBe(0);
  });

  test("--force renews at once, --rekey with a new key", async () => {
    const project = await withCa();
    const { files } = (await project.json(ISSUE)).document;
    const key = readFileSync(files.key, "utf8");
    await project.run(["cert", "renew", "truck-1", "--force"]);
    expect(readFileSync(files.key, "utf8")).toBe(key);
    await project.run(["cert", "renew", "truck-1", "--force", "--rekey"]);
    expect(readFileSync(files.key, "utf8")).not.toBe(key);
  });

  test("with --out stay with the directory, also when the project is moved", async () => {
    const project = await withCa();
    await project.run([...ISSUE, "--out", "out"]);
    const { document } = await project.json(["cert", "renew", "truck-1", "--force"]);
    expect(document.files.cert).toBe(join(project.directory, "out/truck-1/current/cert.pem"));
    const elsewhere = testProject();
    rmSync(join(elsewhere.directory, "fleetsec.yaml"));
    execFileSync("cp", ["-a", `${project.directory}/.`, elsewhere.directory]);
    const moved = await elsewhere.json(["cert", "renew", "truck-1", "--force"]);
    expect(moved.document.files.cert).toBe(join(elsewhere.directory, "out/truck-1/current/cert.pem"));
  });

  test("of an unknown name end with 2", async () => {
    const project = await withCa();
    for (const command of ["renew", "needs-renewal"]) {
      expect(await project.attempt(["cert", command, "nobody"])).toMatchObject(refusal("not-found"));
      expect(await project.attempt(["cert", command, "../../etc"])).toMatchObject(refusal("not-found"));
    }
  });

  test("a key that others can read, a key of another certificate and missing files are refused", async () => {
    const project = await withCa();
    const renew = ["cert", "renew", "truck-1", "--force"];
    const { files } = (await project.json(ISSUE)).document;
    chmodSync(files.key, 0o640);
    expect(await project.attempt(renew)).toMatchObject(refusal("permission"));
    chmodSync(files.key, 0o600);
    chmodSync(files.bundle, 0o644);
    for (const argv of [renew, [...renew, "--rekey"], renew.slice(0, 3)])
      expect(await project.attempt(argv)).toMatchObject(refusal("permission"));
    chmodSync(files.bundle, 0o600);
    expect((await project.run(renew)).code).toBe(0);
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(files.key, privateKey.export({ type: "pkcs8", format: "pem" }));
    expect(await project.attempt(renew)).toMatchObject(refusal("state"));
    rmSync(join(project.directory, ".fleetsec/certs/truck-1"), { recursive: true });
    expect(await project.attempt(renew)).toMatchObject(refusal("not-found"));
    expect(await project.attempt(["cert", "needs-renewal", "truck-1"])).toMatchObject(refusal("not-found"));
  });

  test("a certificate that was put there by hand is not taken for ours", async () => {
    const project = await withCa();
    const other = await withCa();
    const { files } = (await project.json(ISSUE)).document;
    const foreign = (await other.json(ISSUE)).document;
    writeFileSync(files.cert, readFileSync(foreign.files.cert));
    expect(await project.attempt(["cert", "renew", "truck-1", "--force"])).toMatchObject(refusal("state"));
  });
});

describe("cert revoke and list", () => {
  test("a revoked certificate is on the list and on the CRL", async () => {
    const project = await withCa();
    const { serial } = (await project.json(ISSUE)).document;
    await project.json(["cert", "renew", "truck-1", "--force"]);
    const revoked = await project.json(["cert", "revoke", serial.slice(0, 8), "--reason", "key-compromise"]);
    expect([revoked.code, schemaErrors(revoked.document)]).toEqual([0, []]);
    expect(revoked.document.revoked).toMatchObject([{ serial, reason: "keyCompromise" }]);
    const { document } = await project.json(["cert", "list"]);
    expect(schemaErrors(document)).toEqual([]);
    expect(document.certificates.map(({ status }: { status: string }) => status)).toEqual([
      "revoked",
      "valid",
    ]);
    const again = await project.json(["cert", "revoke", serial]);
    expect([again.code, again.document.changed]).toEqual([0, false]);
    const plain = await project.run(["cert", "revoke", serial]);
    expect([plain.stdout, plain.stderr]).toEqual([expect.stringContaining("nothing was changed"), ""]);
    const graver = await project.run(["cert", "revoke", serial, "--reason", "cACompromise"]);
    expect([graver.code, graver.stderr]).toEqual([
      0,
      expect.stringContaining("its reason stays keyCompromise"),
    ]);
    expect((await project.run(["cert", "revoke", "truck-1"])).stdout).toMatch(/^revoked truck-1/);
    for (const argv of [
      ["renew", "truck-1"],
      ["renew", "truck-1", "--force"],
      ["needs-renewal", "truck-1"],
    ]) {
      expect(await project.attempt(["cert", ...argv])).toMatchObject(refusal("refused"));
    }
  });

  test("an unknown name, serial number or reason is refused", async () => {
    const project = await withCa();
    await project.run(ISSUE);
    expect(await project.attempt(["cert", "revoke", "nobody"])).toMatchObject(refusal("not-found"));
    expect(await project.attempt(["cert", "revoke", "00112233"])).toMatchObject(refusal("not-found"));
    expect(await project.attempt(["cert", "revoke", "truck-1", "--reason", "boredom"])).toMatchObject(
      refusal("usage"),
    );
    expect(await project.attempt(["cert", "revoke", "truck-1", "--reason", "certificateHold"])).toMatchObject(
      refusal("usage"),
    );
  });

  test("the table shows each status, and --status chooses", async () => {
    const project = await withCa();
    expect((await project.run(["cert", "list"])).stdout).toBe("no certificates\n");
    await project.run(ISSUE);
    await project.run(ISSUE);
    const { stdout } = await project.run(["cert", "list"]);
    expect(stdout.split("\n").map((line) => line.split(/ +/)[2])).toEqual([
      "STATUS",
      "superseded",
      "valid",
      undefined,
    ]);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const valid = await project.json(["cert", "list", "--status", "valid", "--status", "revoked"]);
    expect(valid.document.certificates).toHaveLength(1);
    const later = await project.json(["cert", "list", "--status", "expired"], at(Date.now() + 25 * HOUR));
    expect(later.document.certificates).toHaveLength(2);
    expect(await project.attempt(["cert", "list", "--status", "gone"])).toMatchObject(refusal("usage"));
  });
});

describe("the inventory", () => {
  const path = (project: TestProject) => join(project.directory, ".fleetsec/inventory.jsonl");

  test("a torn last line is repaired by the next record, and no earlier one is lost", async () => {
    const project = await withCa();
    await project.run(ISSUE);
    const whole = readFileSync(path(project), "utf8");
    appendFileSync(path(project), '{"op":"issue","at":"20');
    expect((await project.json(["cert", "list"])).document.certificates).toHaveLength(1);
    await project.run(["cert", "issue", "truck-2", "--role", "fleet-edge"]);
    expect(readFileSync(path(project), "utf8").startsWith(whole)).toBe(true);
    expect((await project.json(["cert", "list"])).document.certificates).toHaveLength(2);
  });

  test("damage in the middle is reported with its line, and nothing is overwritten", async () => {
    const project = await withCa();
    await project.run(ISSUE);
    await project.run(ISSUE);
    const lines = readFileSync(path(project), "utf8").split("\n");
    writeFileSync(path(project), lines.with(2, lines[2]?.replace("truck-1", "truck-9") ?? "").join("\n"));
    for (const argv of [
      ISSUE,
      ["cert", "list"],
      ["cert", "renew", "truck-1"],
      ["cert", "revoke", "truck-1"],
      ["ca", "show"],
    ]) {
      const result = await project.attempt(argv);
      expect(result).toMatchObject(refusal("state"));
      expect(result.text).toContain("line 3");
    }
  });

  test("with an index, too, whoever writes reports the line, and a roster is not blamed", async () => {
    const project = await withCa();
    expect((await project.run(ISSUE)).code).toBe(0);
    const file = path(project);
    const { files } = movablePlatform();
    const inventory = openInventory(files, file);
    const [entry] = inventory.entries();
    if (entry === undefined) throw new Error("nothing was issued");
    inventory.append(
      Array.from({ length: 1_000 }, (_, n) => {
        const serial = (n + 1).toString(16).toUpperCase().padStart(8, "0").padEnd(40, "7");
        return { ...entry.issued, name: `filler-${n}`, serial };
      }),
    );
    expect(existsSync(join(project.directory, ".fleetsec/inventory.index"))).toBe(true);
    const roster = (name: string) => writeFileSync(join(project.directory, "roster.csv"), `name\n${name}\n`);
    const whole = readFileSync(file, "utf8");
    const lines = whole.split("\n");
    writeFileSync(file, lines.with(499, lines[499]?.replace("fleet-edge", "fleet-edgf") ?? "").join("\n"));
    const asked = /"name":"([^"]+)"/.exec(lines[499] ?? "")?.[1] ?? "";
    const writers = [
      ["cert", "issue", "truck-2", "--role", "fleet-edge"],
      ["cert", "issue", "--from", "roster.csv", "--role", "fleet-edge"],
      ["cert", "revoke", "truck-1"],
      ["cert", "renew", "truck-1", "--force"],
      ["cert", "rotate", "truck-1", "--force"],
      ["ca", "crl"],
    ];
    for (const name of ["truck-3", asked]) {
      roster(name);
      for (const argv of [...writers, ["cert", "revoke", asked]]) {
        const { code, stdout, stderr } = await project.run(argv);
        expect(`${argv.join(" ")} ${code} ${stdout}${stderr}`).toMatch(/ 2 .*damaged at line 500/s);
        expect(stdout + stderr).not.toContain("roster.csv has");
      }
    }
    expect(readFileSync(file, "utf8").split("\n")).toHaveLength(lines.length);
    expect(readdirSync(join(project.directory, ".fleetsec/certs"))).toEqual(["truck-1"]);
    // the same on a whole one
    writeFileSync(file, whole);
    roster("truck-3");
    for (const argv of writers.filter(([, verb]) => verb !== "revoke")) {
      expect(`${argv.join(" ")} ${(await project.run(argv)).code}`).toBe(`${argv.join(" ")} 0`);
    }
  });

  test("a missing one is not begun anew", async () => {
    const project = await withCa();
    rmSync(path(project));
    expect(await project.attempt(ISSUE)).toMatchObject(refusal("state"));
    expect(statSync(join(project.directory, ".fleetsec/ca")).isDirectory()).toBe(true);
  });
});
