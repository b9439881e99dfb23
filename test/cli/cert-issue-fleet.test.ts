import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { fleetTask } from "../../src/pki/fleet/thread.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import type { Threads } from "../../src/platform/threads.ts";
import { killedAfter } from "../support/killed-files.ts";
import { type TestProject, testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

const ISSUE = ["cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge", "--out", "fleet"];

async function projectWith(
  roster: string,
): Promise<TestProject & { readonly write: (roster: string) => void }> {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  const write = (text: string) => writeFileSync(join(project.directory, "fleet.csv"), text);
  write(roster);
  return { ...project, write };
}

/** Threads that are none: what they would run, in this one. */
function threadsHere(): Threads {
  const pool = () => {
    const task = fleetTask(systemPlatform(new AbortController().signal));
    return {
      run: async (input: unknown) => task(input as never),
      canRun: () => true,
      start: () => {},
      close: async () => {},
    };
  };
  return { available: 2, pool };
}

interface Row {
  readonly name: string;
  readonly status: string;
  readonly serial: string;
}

const rows = (document: { certificates: Row[] }) =>
  document.certificates.map(({ name, status }) => [name, status]);

describe("fleetsec cert issue --from", () => {
  const DOMAIN = "fleet.internal";
  const SPIFFE = `uri:spiffe://${DOMAIN}/fleet-edge`;

  test.each([
    ["a URI that both ask for", [`a,fleet-edge,${SPIFFE}/c`, `b,fleet-edge,${SPIFFE}/c`], 3],
    ["a URI that another has by its name", ["b,fleet-edge,", `a,fleet-edge,${SPIFFE}/b`], 3],
    ["the same before it", [`a,fleet-edge,${SPIFFE}/b`, "b,fleet-edge,"], 3],
    ["a DNS name of clients", [`a,fleet-edge,dns:c.${DOMAIN}`, `b,fleet-edge,dns:c.${DOMAIN}`], 3],
    ["a DNS name of a client by its name", [`a,fleet-edge,dns:b.${DOMAIN}`, "b,fleet-edge,"], 3],
    ["a DNS name that is another's name", ["b,fleet-edge,", `b.${DOMAIN},fleet-edge,`], 3],
  ])("refuses two lines with one identity: %s", async (_, lines, line) => {
    const project = await projectWith(`name,role,sans\n${lines.join("\n")}\n`);
    const before = project.snapshot();
    const { code, document } = await project.json(ISSUE);
    expect([code, document.code, document.problems]).toEqual([
      2,
      "input",
      [expect.stringMatching(new RegExp(`^line ${line}: .* is on line ${line - 1} already$`))],
    ]);
    expect(project.snapshot()).toEqual(before);
  });

  test("lists such a line beside others that are wrong in other ways, each fault once", async () => {
    const lines = [
      "c1,fleet-edge,",
      "c1,fleet-edge,",
      "c2,none,",
      `c7,fleet-edge,dns:c1.${DOMAIN}`,
      "c8,fleet-edge,x",
    ];
    const project = await projectWith(`name,role,sans\n${lines.join("\n")}\n`);
    const { code, document } = await project.json(ISSUE);
    expect([code, document.problems.toSorted()]).toEqual([
      2,
      [
        expect.stringMatching(/^line 3: c1 stands on line 2 already/),
        expect.stringMatching(/^line 4: .*none/),
        expect.stringMatching(/^line 5: dns:c1.* is on line 2 already/),
        expect.stringMatching(/^line 5: dns:c1.* is on line 3 already/),
        expect.stringMatching(/^line 6: /),
      ],
    ]);
  });

  test("gateways may share the DNS name of a service", async () => {
    const lines = ["a", "b"].map((name) => `${name},gateway,dns:api.${DOMAIN}`);
    const project = await projectWith(`name,role,sans\n${lines.join("\n")}\nc,fleet-edge,dns:d.${DOMAIN}\n`);
    const { code, document } = await project.json(ISSUE);
    expect([code, document.message, document.issued]).toEqual([0, undefined, 3]);
  });

  test("issues to each line, with its own names, lifetime and key, and reports it", async () => {
    const project = await projectWith(
      "name,role,sans,ttl,key_type,attributes\n" +
        "truck-1,,dns:one.fleet.internal,8h,p384,vin=A1;region=north\n" +
        "tms-2,tms-connector,,,,\n",
    );
    const { code, document, stderr } = await project.json([
      ...ISSUE,
      "--report",
      "csv=r.csv",
      "--report",
      "json=r.json",
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain("issued 2 of 2 certificates");
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({
      issued: 2,
      kept: 0,
      certificates: [
        { line: 2, name: "truck-1", status: "issued", attributes: { vin: "A1", region: "north" } },
        { line: 3, name: "tms-2", role: "tms-connector" },
      ],
    });
    expect(JSON.parse(readFileSync(join(project.directory, "r.json"), "utf8"))).toEqual(document);
    expect(readFileSync(join(project.directory, "r.csv"), "utf8").split("\r\n")[1]).toContain(
      "2,truck-1,issued,",
    );
    const files = join(project.directory, "fleet/truck-1/current");
    const certificate = new X509Certificate(readFileSync(join(files, "cert.pem")));
    expect(certificate.serialNumber).toBe(document.certificates[0].serial);
    expect(certificate.subjectAltName).toContain("DNS:one.fleet.internal");
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "secp384r1" });
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(8 * 3_600_000 + 60_000);
    expect(readdirSync(files).sort()).toEqual(["bundle.pem", "cert.pem", "chain.pem", "key.pem"]);
  });

  test("a report takes stdout alone; what else is said goes to stderr", async () => {
    const project = await projectWith("name\na\n");
    const { code, stdout, stderr } = await project.run([...ISSUE, "--report", "csv=-"]);
    expect([code, stdout.split("\r\n").map((line) => line.split(",").slice(0, 3).join())]).toEqual([
      0,
      ["line,name,status", "2,a,issued", ""],
    ]);
    expect(stderr).toContain("files: fleet/NAME/current/");
    const again = await project.run([...ISSUE, "--report", "json=-"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ issued: 0, kept: 1 });
    expect(existsSync(join(project.directory, "-"))).toBe(false);
  });

  test("again it keeps what is there; what is new, changed or gone is issued, and a renewal carries attributes", async () => {
    const project = await projectWith("name,attributes\na,k=1\nb,\nc,\n");
    const first = (await project.json(ISSUE)).document;
    expect(rows((await project.json(ISSUE)).document)).toEqual([
      ["a", "kept"],
      ["b", "kept"],
      ["c", "kept"],
    ]);
    rmSync(join(project.directory, "fleet/b/1"), { recursive: true });
    project.write("name,sans,attributes\na,,k=1\nb,,\nc,dns:cc.fleet.internal,\nd,,\n");
    const { document } = await project.json(ISSUE);
    expect(rows(document)).toEqual([
      ["a", "kept"],
      ["b", "issued"],
      ["c", "issued"],
      ["d", "issued"],
    ]);
    expect(document.certificates[0].serial).toBe(first.certificates[0].serial);
    await project.run(["cert", "renew", "a", "--force"]);
    const inventory = readFileSync(join(project.directory, ".fleetsec/inventory.jsonl"), "utf8");
    expect(inventory.match(/"attributes":\{"k":"1"\}/g)).toHaveLength(2);
  });

  test("killed before each of its writes, it goes on, and issues each line once", async () => {
    for (let count = 0, isWhole = false; !isWhole; count += 1) {
      const project = await projectWith("name\na\nb\nc\n");
      const { files, isDead } = killedAfter(count);
      await project.run(ISSUE, { files });
      isWhole = !isDead();
      const again = await project.json(ISSUE);
      expect([count, again.code]).toEqual([count, 0]);
      const lines = readFileSync(join(project.directory, ".fleetsec/inventory.jsonl"), "utf8").split("\n");
      expect(lines.filter((line) => line.includes('"op":"issue"'))).toHaveLength(3);
      for (const { name, serial } of again.document.certificates as Row[]) {
        const directory = join(project.directory, "fleet", name);
        expect(readdirSync(directory).sort()).toEqual(["1", "current"]);
        const read = (file: string) => readFileSync(join(directory, "current", file), "utf8");
        const certificate = new X509Certificate(read("cert.pem"));
        expect(certificate.serialNumber).toBe(serial);
        expect(certificate.checkPrivateKey(createPrivateKey(read("key.pem")))).toBe(true);
      }
      expect(count).toBeLessThan(100);
    }
  });

  test("a roster on standard input is issued and gone on with as a file is", async () => {
    const project = await projectWith("");
    const argv = ISSUE.with(3, "-");
    const stdin = "name\na\nb\nc\n";
    for (let count = 0, isWhole = false; !isWhole; count += 4) {
      const { files, isDead } = killedAfter(count);
      await project.run(argv, { files, stdin });
      isWhole = !isDead();
    }
    const again = await project.json(argv, { stdin: `${stdin}d\n` });
    expect([again.code, rows(again.document)]).toEqual([
      0,
      [
        ["a", "kept"],
        ["b", "kept"],
        ["c", "kept"],
        ["d", "issued"],
      ],
    ]);
    const lines = readFileSync(join(project.directory, ".fleetsec/inventory.jsonl"), "utf8").split("\n");
    expect(lines.filter((line) => line.includes('"op":"issue"'))).toHaveLength(4);
    const refused = await project.attempt(argv, { stdin: "name\ne\ne\n" });
    expect(refused).toMatchObject({ exit: 2, code: "input", changed: false });
    expect(refused.text).toContain("the roster on standard input has 1 error");
    const file = await project.attempt(ISSUE.with(3, "./-"));
    expect(file).toMatchObject({ exit: 2, code: "not-found", changed: false });
    const large = await project.attempt(argv, { stdin: Buffer.alloc((64 << 20) + 1, "a") });
    expect(large).toMatchObject({ exit: 2, code: "input", changed: false });
  });

  test("what a killed process left is finished or removed", async () => {
    const project = await projectWith("name\na\nb\n");
    // written, and never recorded
    mkdirSync(join(project.directory, "fleet/a/1"), { recursive: true });
    writeFileSync(join(project.directory, "fleet/a/1/cert.pem"), "torn");
    mkdirSync(join(project.directory, "fleet/a/.1.0123456789ab.tmp"));
    await project.json(ISSUE);
    expect(readdirSync(join(project.directory, "fleet/a")).sort()).toEqual(["1", "current"]);
    expect(readFileSync(join(project.directory, "fleet/a/current/cert.pem"), "utf8")).toContain(
      "BEGIN CERTIFICATE",
    );
    // recorded, and never put into use
    unlinkSync(join(project.directory, "fleet/b/current"));
    expect(rows((await project.json(ISSUE)).document)).toEqual([
      ["a", "kept"],
      ["b", "kept"],
    ]);
    expect(existsSync(join(project.directory, "fleet/b/current/key.pem"))).toBe(true);
  });

  test("every line is checked before the first certificate is made", async () => {
    const project = await projectWith("name\ntruck-9\n");
    await project.run(["cert", "issue", "gateway", "--role", "gateway"]);
    await project.run(["cert", "issue", "stolen", "--role", "fleet-edge"]);
    await project.run(["cert", "revoke", "stolen", "--reason", "keyCompromise"]);
    project.write(
      "name,role,ttl,sans\ngood,,,\nBad,,,\nx,nosuch,,\ny,,90d,\nz,,,dns:example.com\ngateway,,,\nstolen,,,\n",
    );
    const { exit, code, changed } = await project.attempt(ISSUE);
    expect({ exit, code, changed }).toEqual({ exit: 2, code: "input", changed: false });
    const { stderr } = await project.run(ISSUE);
    expect(stderr.match(/line \d+: /g)).toEqual([
      "line 3: ",
      "line 4: ",
      "line 5: ",
      "line 6: ",
      "line 7: ",
      "line 8: ",
    ]);
    expect(stderr).toContain("stolen was revoked (keyCompromise)");
  });

  test("each rule that a line breaks is listed, and what each line asks for is judged alone", async () => {
    const project = await projectWith("name\ntruck-9\n");
    await project.run(["cert", "issue", "gateway", "--role", "gateway"]);
    await project.run(["cert", "issue", "stolen", "--role", "fleet-edge"]);
    await project.run(["cert", "revoke", "stolen"]);
    const lines = [
      "good,,,,",
      "a,,90d,dns:x.example.com dns:y.example.com ip:10.0.0.1,rsa2048",
      "BAD,,90d,dns:x.example.com,",
      "stolen,nosuch,,,dsa",
      "gateway,,90d,,",
      `b,,,uri:${SPIFFE.slice(4)}/c uri:${SPIFFE.slice(4)}/d,dsa`,
    ];
    project.write(`name,role,ttl,sans,key_type\n${lines.join("\n")}\n`);
    const { document } = await project.json(ISSUE);
    const found: string[] = document.problems;
    const of = (line: number) => found.filter((problem) => problem.startsWith(`line ${line}: `));
    expect(of(2)).toEqual([]);
    expect(of(3)).toEqual([
      expect.stringContaining("rsa2048"),
      expect.stringContaining("lifetime of 3d at most"),
      expect.stringContaining("x.example.com"),
      expect.stringContaining("y.example.com"),
      expect.stringContaining("no IP addresses: 10.0.0.1"),
    ]);
    expect(of(4)).toEqual([
      expect.stringContaining("BAD"),
      expect.stringContaining("lifetime"),
      expect.stringContaining("x.example.com"),
    ]);
    expect(of(5)).toEqual([
      expect.stringContaining("no role nosuch"),
      expect.stringContaining("dsa"),
      expect.stringContaining("stolen was revoked"),
    ]);
    expect(of(6)).toEqual([expect.stringContaining("lifetime")]);
    expect(of(7)).toEqual([
      expect.stringContaining("dsa"),
      expect.stringContaining("one URI, 2 are asked for"),
    ]);
    expect(found).toHaveLength(14);
  });

  test("what cannot be read and what is refused are listed together, by their lines", async () => {
    const project = await projectWith("name,role,ttl,sans\na,nosuch,soon,\nb,,,nobody\n,,,\nd,,90d,\na,,,\n");
    const { document } = await project.json(ISSUE);
    expect(document.message).toContain("has 6 errors");
    const lines = document.problems.map((problem: string) => /^line \d/.exec(problem)?.[0]);
    expect(lines).toEqual(["line 2", "line 2", "line 3", "line 4", "line 5", "line 6"]);
    expect(document.problems.slice(0, 2).join()).toMatch(/not a duration: soon.*there is no role nosuch/);
  });

  test("a signal ends it between batches, and the same command goes on", async () => {
    const project = await projectWith(`name\n${Array.from({ length: 600 }, (_, n) => `t${n}\n`).join("")}`);
    const controller = new AbortController();
    const { files } = systemPlatform(controller.signal);
    const stopping = {
      ...files,
      linkAtomic: (...args: Parameters<typeof files.linkAtomic>) => {
        controller.abort(new FleetsecError("terminated", "terminated"));
        files.linkAtomic(...args);
      },
    };
    const threads = threadsHere();
    const stopped = await project.json(ISSUE, { files: stopping, signal: controller.signal, threads });
    expect(stopped).toMatchObject({ code: 143, document: { code: "terminated" } });
    expect(stopped.document.message).toContain("512 of 600 certificates were issued");
    expect(readdirSync(join(project.directory, "fleet"))).toHaveLength(512);
    const { document } = await project.json(ISSUE, { threads });
    expect(document).toMatchObject({ issued: 88, kept: 512 });
  });

  test("where a batch cannot be synced nothing of it is recorded or left", async () => {
    const project = await projectWith("name\na\n");
    const { files } = systemPlatform(new AbortController().signal);
    let flushes = 0;
    const failing = { ...files, flush: async () => (flushes += 1) === 1 };
    expect((await project.json(ISSUE, { files: failing })).document).toMatchObject({ code: "io" });
    expect(existsSync(join(project.directory, "fleet/a"))).toBe(false);
    expect((await project.json(["cert", "list"])).document.certificates).toEqual([]);
    // without any way to sync a batch, each file is synced
    expect(
      (await project.json(ISSUE, { files: { ...files, flush: async () => false } })).document,
    ).toMatchObject({
      issued: 1,
    });
  });

  test.each([
    [["cert", "issue", "name", "--from", "fleet.csv", "--role", "fleet-edge"], "usage"],
    [["cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge", "--san", "dns:x"], "usage"],
    [[...ISSUE, "--report", "pdf=x"], "usage"],
    [[...ISSUE, "--report", "csv=missing/r.csv"], "usage"],
    [[...ISSUE, "--report", "csv=r", "--report", "json=r"], "usage"],
    [[...ISSUE, "--report", "csv=-"], "usage"],
    [[...ISSUE, "--key-type", "dsa"], "usage"],
    [["cert", "issue", "--role", "fleet-edge"], "usage"],
    [["cert", "issue", "name"], "usage"],
    [["cert", "issue", "name", "--role", "fleet-edge", "--report", "csv=x"], "usage"],
    [["cert", "issue", "--from", "missing.csv", "--role", "fleet-edge"], "not-found"],
    [["cert", "issue", "--from", "fleet.csv"], "input"],
    [["cert", "issue", "--from", "fleet.csv", "--role", "nosuch"], "input"],
  ])("%j ends with 2 (%s)", async (argv, code) => {
    const project = await projectWith("name\na\n");
    expect(await project.attempt(argv)).toMatchObject({ exit: 2, code, changed: false });
  });
});
