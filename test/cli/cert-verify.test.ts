import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { integer } from "../../src/pki/der/write.ts";
import { extendedKeyUsage, subjectAltName } from "../../src/pki/extensions.ts";
import { encodeName } from "../../src/pki/name.ts";
import { oids } from "../../src/pki/oids.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { DAY, forge, forgeCrl, HOUR, type Identity, NOW, serialOf, type Spec } from "../pki/verify/forge.ts";
import { runCli } from "../support/cli.ts";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const { clock } = systemPlatform(new AbortController().signal);
const pemOf = (...identities: Identity[]) =>
  identities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der)).join("");

/** A directory with root.pem, issuing.pem, leaf.pem, chain.pem (leaf and issuing CA) and crl.pem. */
async function chainFiles(spec: Spec = {}) {
  const directory = scratch();
  const root = await forge({ subject: "root", ca: true });
  const issuing = await forge({ subject: "issuing", ca: true }, root);
  const leaf = await forge(spec, issuing);
  const write = (name: string, data: string | Uint8Array) => writeFileSync(join(directory, name), data);
  write("root.pem", pemOf(root));
  write("issuing.pem", pemOf(issuing));
  write("leaf.pem", pemOf(leaf));
  write("chain.pem", pemOf(leaf, issuing));
  write("crl.pem", encodePem("X509 CRL", forgeCrl(issuing)));
  const verify = async (...argv: string[]) => {
    const options = { cwd: directory, clock: { ...clock, now: () => NOW } };
    const { code, stdout } = await runCli(["cert", "verify", "--json", ...argv], options);
    const document = JSON.parse(stdout);
    expect(schemaErrors(document)).toEqual([]);
    const verdicts = (document.certificates ?? []).map(
      (one: { status: string; reasons: { code: string; certificate: number }[] }) =>
        [one.status, ...one.reasons.map((reason) => `${reason.code}@${reason.certificate}`)].join(" "),
    );
    return { code, document, verdicts };
  };
  return { directory, root, issuing, leaf, write, verify };
}

describe("cert verify", () => {
  test("finds the path through what the file holds, exit 0", async () => {
    const { verify } = await chainFiles();
    const { code, document } = await verify("chain.pem", "--ca", "root.pem");
    expect(code).toBe(0);
    expect(document).toMatchObject({ ok: true, at: "2026-03-01T12:00:00Z" });
    expect(document.certificates).toMatchObject([
      {
        file: "chain.pem",
        status: "valid",
        path: [
          { subject: "CN=leaf", revocation: "unchecked" },
          { subject: "CN=issuing", revocation: "unchecked" },
          { subject: "CN=root", revocation: "not-applicable" },
        ],
        reasons: [],
      },
    ]);
  });

  test("takes intermediates from --untrusted, --ca and the other files, and trusts none of them", async () => {
    const { verify, write, root, issuing } = await chainFiles();
    write("both.pem", pemOf(issuing, root));
    expect(await verify("leaf.pem", "--ca", "root.pem")).toMatchObject({
      code: 1,
      verdicts: ["invalid no-path@0"],
    });
    for (const argv of [
      ["leaf.pem", "--ca", "root.pem", "--untrusted", "issuing.pem"],
      ["leaf.pem", "--ca", "both.pem"],
    ]) {
      expect(await verify(...argv)).toMatchObject({ code: 0, verdicts: ["valid"] });
    }
    expect(await verify("leaf.pem", "issuing.pem", "--ca", "root.pem")).toMatchObject({
      code: 0,
      verdicts: ["valid", "valid"],
    });
    expect(await verify("leaf.pem", "--ca", "issuing.pem")).toMatchObject({
      code: 3,
      verdicts: ["unknown no-trust-anchor@0"],
    });
  });

  test("reads DER, and PEM with text around it", async () => {
    const { verify, write, leaf, issuing, root } = await chainFiles();
    write("leaf.der", leaf.certificate.der);
    write("talk.pem", `Certificate:\n  Data: …\n${pemOf(issuing)}\nand more\n`);
    write("root.pem", pemOf(root).replaceAll("\n", "\r\n"));
    const { code } = await verify("leaf.der", "--untrusted", "talk.pem", "--ca", "root.pem");
    expect(code).toBe(0);
  });

  test("passes over the key of a bundle", async () => {
    const { verify, write, leaf, issuing } = await chainFiles();
    const key = leaf.key.export({ type: "pkcs8", format: "pem" }) as string;
    write("bundle.pem", key + pemOf(leaf, issuing));
    expect(await verify("bundle.pem", "--ca", "root.pem")).toMatchObject({ code: 0, verdicts: ["valid"] });
  });

  test("--purpose, --name and --at are part of the question, exit 1", async () => {
    const extKeyUsage = extendedKeyUsage([oids.clientAuth]);
    const { verify } = await chainFiles({ replace: { extKeyUsage } });
    const ask = (...flags: string[]) => verify("chain.pem", "--ca", "root.pem", ...flags);
    expect(await ask("--purpose", "client")).toMatchObject({ code: 0, document: { purpose: "client" } });
    expect(await ask("--purpose", "server")).toMatchObject({
      code: 1,
      verdicts: ["invalid extended-key-usage@0"],
    });
    expect(await ask("--name", "leaf.fleet.internal")).toMatchObject({ code: 0 });
    expect(await ask("--name", "other.fleet.internal")).toMatchObject({
      code: 1,
      verdicts: ["invalid name-mismatch@0"],
    });
    expect(await ask("--at", "2026-03-02T12:00:00Z")).toMatchObject({ code: 0 });
    expect(await ask("--at", "2026-03-02T13:00:01+01:00")).toMatchObject({
      code: 1,
      verdicts: ["invalid expired@2 expired@1 expired@0"],
    });
  });

  test("--crl: good, revoked (exit 1), stale or missing (exit 3)", async () => {
    const { verify, write, issuing, root, leaf } = await chainFiles();
    const crl = (name: string, ...der: Uint8Array[]) => {
      write(name, der.map((one) => encodePem("X509 CRL", one)).join(""));
      return ["chain.pem", "--ca", "root.pem", "--crl", name] as const;
    };
    const entries = [{ serial: serialOf(leaf), reason: 1 }];
    expect(await verify(...crl("good.pem", forgeCrl(issuing), forgeCrl(root)))).toMatchObject({
      code: 0,
      document: { certificates: [{ path: [{ revocation: "good" }, { revocation: "good" }, {}] }] },
    });
    expect(await verify(...crl("revoked.pem", forgeCrl(issuing, { entries })))).toMatchObject({
      code: 1,
      verdicts: ["invalid revoked@0"],
    });
    expect(await verify(...crl("stale.pem", forgeCrl(issuing, { nextUpdate: NOW - HOUR })))).toMatchObject({
      code: 3,
      verdicts: ["unknown stale-crl@0"],
    });
    expect(await verify(...crl("other.pem", forgeCrl(root)))).toMatchObject({
      code: 3,
      verdicts: ["unknown no-crl@0"],
    });
    expect(await verify(...crl("other.pem", forgeCrl(root)), "--crl", "crl.pem")).toMatchObject({ code: 0 });
  });

  test("a finding in one file outweighs a doubt about another", async () => {
    const { verify, write, root } = await chainFiles();
    write("expired.pem", pemOf(await forge({ notAfter: NOW - DAY + HOUR }, root)));
    const flags = ["--ca", "root.pem", "--crl", "crl.pem"];
    expect(await verify("chain.pem", "expired.pem", ...flags)).toMatchObject({
      code: 1,
      document: { ok: false },
      verdicts: ["valid", "invalid expired@0 no-crl@0"],
    });
    expect(await verify("chain.pem", "issuing.pem", ...flags)).toMatchObject({
      code: 3,
      document: { ok: false },
      verdicts: ["valid", "unknown no-crl@0"],
    });
  });

  test("without --ca and without a project nothing is trusted, exit 3", async () => {
    const { verify } = await chainFiles();
    expect(await verify("chain.pem")).toMatchObject({ code: 3, verdicts: ["unknown no-trust-anchor@0"] });
  });

  test("without --ca it trusts the project's CA and asks its CRLs", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    await project.run(["cert", "issue", "truck-7.fleet.internal", "--role", "fleet-edge"]);
    const cert = join(project.directory, ".fleetsec/certs/truck-7.fleet.internal/current/cert.pem");
    const good = await project.json(["cert", "verify", cert, "--purpose", "client"]);
    expect(good.code).toBe(0);
    expect(good.document.certificates[0].path.map((one: { revocation: string }) => one.revocation)).toEqual([
      "good",
      "good",
      "not-applicable",
    ]);
    await project.run(["cert", "revoke", "truck-7.fleet.internal"]);
    const revoked = await project.json(["cert", "verify", cert]);
    expect(revoked.code).toBe(1);
    expect(revoked.document.certificates[0].reasons).toMatchObject([{ code: "revoked", certificate: 0 }]);
  });

  test("fits 80 columns and lets no control character through", async () => {
    const subject = encodeName([{ type: "CN", value: `evil\u001b[31m\nleaf ${"x".repeat(40)}` }]);
    const { directory } = await chainFiles({ subject, notAfter: NOW - HOUR });
    const options = { cwd: directory, clock: { ...clock, now: () => NOW } };
    const { code, stdout } = await runCli(["cert", "verify", "chain.pem", "--ca", "root.pem"], options);
    expect(code).toBe(1);
    expect(stdout).toContain("chain.pem: not valid");
    expect(stdout).toContain("0 expired at 2026-03-01T11:00:00Z (expired)");
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("says what is good and what to do about what is not", async () => {
    const { directory } = await chainFiles();
    const options = { cwd: directory, clock: { ...clock, now: () => NOW } };
    const good = await runCli(
      ["cert", "verify", "chain.pem", "--ca", "root.pem", "--crl", "crl.pem"],
      options,
    );
    expect(good.stdout).toBe(`chain.pem: valid
  0  CN=leaf     until 2026-03-02T12:00:00Z  not revoked
  1  CN=issuing  until 2026-03-02T12:00:00Z  no CRL used
  2  CN=root     until 2026-03-02T12:00:00Z  trusted
`);
    const bad = await runCli(["cert", "verify", "leaf.pem", "--ca", "root.pem"], options);
    expect(bad.stdout).toContain("(no-path)\nhint: ");
    const unsure = await runCli(["cert", "verify", "leaf.pem"], options);
    expect(unsure.stdout).toContain("leaf.pem: could not be established");
  });
});

describe("cert verify refuses, exit 2", () => {
  test.each<[string, string, string | Uint8Array, string]>([
    ["an empty file", "empty.pem", "", "input"],
    ["a truncated PEM file", "cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB", "input"],
    [
      "PEM that is not base64",
      "odd.pem",
      "-----BEGIN CERTIFICATE-----\nMII*\n-----END CERTIFICATE-----\n",
      "input",
    ],
    [
      "PEM with nothing in it",
      "none.pem",
      "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
      "input",
    ],
    ["garbage in PEM", "garbage.pem", encodePem("CERTIFICATE", Buffer.from("garbage")), "input"],
    ["garbage DER", "garbage.der", Buffer.from("3082010030820100ff", "hex"), "input"],
    ["invalid UTF-8", "latin.pem", Buffer.from([0xff, 0xfe, 0xc3, 0x28]), "input"],
    ["a file larger than any of certificates", "large.pem", Buffer.alloc(5 << 20, 0x20), "input"],
    ["a private key", "key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "input"],
    ["a CRL", "crl.pem", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "input"],
  ])("%s", async (_, name, data, expected) => {
    const { verify, write } = await chainFiles();
    write(name, data);
    for (const argv of [
      [name],
      ["chain.pem", name],
      ["chain.pem", "--ca", name],
      ["chain.pem", "--untrusted", name],
    ]) {
      expect(await verify(...argv)).toMatchObject({ code: 2, document: { code: expected } });
    }
  });

  test("a bundle of 10,000 certificates", async () => {
    const { verify, write, leaf } = await chainFiles();
    write(
      "many.pem",
      pemOf(leaf)
        .repeat(10_000)
        .slice(0, 4 << 20),
    );
    write("allowed.pem", pemOf(leaf).repeat(1000));
    expect(await verify("many.pem")).toMatchObject({ code: 2, document: { code: "input" } });
    expect(await verify("chain.pem", "--ca", "root.pem", "--untrusted", "allowed.pem")).toMatchObject({
      code: 0,
    });
  });

  test("a directory, a missing file, and a private key without repeating it", async () => {
    const { verify, write, directory, leaf } = await chainFiles();
    mkdirSync(join(directory, "folder"));
    const key = leaf.key.export({ type: "pkcs8", format: "pem" }) as string;
    write("key.pem", key);
    expect(await verify("folder")).toMatchObject({ code: 2, document: { code: "input" } });
    expect(await verify("missing.pem")).toMatchObject({ code: 2, document: { code: "not-found" } });
    const { document } = await verify("key.pem");
    expect(document.message).toContain("PRIVATE KEY");
    expect(JSON.stringify(document)).not.toContain(key.split("\n")[1]);
  });

  test("a CRL file that is none", async () => {
    const { verify } = await chainFiles();
    const ask = (crl: string) => verify("chain.pem", "--ca", "root.pem", "--crl", crl);
    expect(await ask("chain.pem")).toMatchObject({ code: 2, document: { code: "input" } });
  });

  test.each([
    ["--purpose", "both"],
    ["--at", "yesterday"],
    ["--at", "2026-02-30T00:00:00"],
    ["--at", "2026-13-01T00:00:00Z"],
  ])("%s %s, as usage", async (flag, value) => {
    const { verify } = await chainFiles();
    expect(await verify("chain.pem", "--ca", "root.pem", flag, value)).toMatchObject({
      code: 2,
      document: { code: "usage" },
    });
  });

  test.each(["a_b.fleet.internal", "", "*.fleet.internal", "1.2.3", "fe80::1%eth0"])(
    "--name %j",
    async (name) => {
      const { verify } = await chainFiles();
      expect(await verify("chain.pem", "--ca", "root.pem", "--name", name)).toMatchObject({
        code: 2,
        document: { code: "input" },
      });
    },
  );

  test("no file at all, as usage", async () => {
    const { verify } = await chainFiles();
    expect(await verify()).toMatchObject({ code: 2, document: { code: "usage" } });
  });
});

test("a certificate that breaks rules is a finding, not an unreadable file", async () => {
  const names = subjectAltName([{ type: "dns", value: "a..b" }]);
  const { verify } = await chainFiles({ serial: integer(0), replace: { subjectAltName: names } });
  expect(await verify("chain.pem", "--ca", "root.pem")).toMatchObject({
    code: 1,
    verdicts: ["invalid serial-number@0 malformed-extension@0"],
  });
});
