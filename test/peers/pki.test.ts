// @module-tag long
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildCertificate } from "../../src/pki/certificate.ts";
import type { Authority } from "../../src/pki/authority.ts";
import { issue, type StoredCertificate } from "../../src/pki/issue.ts";
import { basicConstraints, keyIdentifier, keyUsage, subjectKeyIdentifier } from "../../src/pki/extensions.ts";
import { generateKey, keySigner, type KeyType } from "../../src/pki/keys.ts";
import { encodeName } from "../../src/pki/name.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { oids } from "../../src/pki/oids.ts";
import { revoke } from "../../src/pki/revoke.ts";
import { parseSan, type Role, type Usage } from "../../src/pki/roles.ts";
import { movablePlatform, testAuthority, testRole, testSettings } from "../support/pki.ts";
import { describeWithEngines } from "./engines.ts";
import { pkilint } from "./pkilint.ts";
import { succeeds } from "./succeeds.ts";

const KEY_TYPES: readonly KeyType[] = ["p256", "p384", "ed25519", "rsa3072"];
const USAGES: readonly (readonly Usage[])[] = [["client"], ["server"], ["client", "server"]];
const PURPOSES: readonly Usage[] = ["client", "server"];
const execute = promisify(execFile);

const role = (usages: readonly Usage[]): Role => ({
  ...testRole,
  usages,
  allowedDomains: ["fleet.internal", "localhost"],
  allowBareDomains: true,
  allowIpSans: true,
});

interface Chain {
  readonly usages: readonly Usage[];
  readonly name: string;
  readonly issued: StoredCertificate;
}

/** A CA of one key type with a leaf of every key type for every use, and one that is revoked. */
interface Made {
  readonly directory: string;
  readonly authority: Authority;
  readonly chains: readonly Chain[];
  readonly revoked: StoredCertificate;
}

async function makeCa(keyType: KeyType): Promise<Made> {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  const platform = movablePlatform();
  const settings = {
    ...testSettings,
    keyType,
    crlUrl: "http://ca.fleet.internal/crl",
    ocspUrl: "http://ca.fleet.internal/ocsp",
  };
  const authority = await testAuthority(platform, settings, join(directory, "state"));
  const make = (name: string, usages: readonly Usage[], type: KeyType) =>
    issue(platform, authority, settings, {
      name,
      role: role(usages),
      keyType: type,
      sans: ["dns:localhost", "ip:127.0.0.1", "ip:::1"].map(parseSan),
    });
  const chains: Chain[] = [];
  for (const type of KEY_TYPES) {
    for (const usages of USAGES) {
      const name = `${type}-${usages.join("-")}`;
      chains.push({ usages, name, issued: await make(name, usages, type) });
    }
  }
  const revoked = await make("revoked", ["client"], "p256");
  await revoke(platform, authority, settings, { target: "revoked", reason: "keyCompromise" });
  return { directory, authority, chains, revoked };
}

const made = new Map<KeyType, Made>();
const caOf = (keyType: KeyType): Made => {
  const found = made.get(keyType);
  if (found === undefined) throw new Error(`no CA of type ${keyType}`);
  return found;
};

async function makeAll() {
  for (const keyType of KEY_TYPES) if (!made.has(keyType)) made.set(keyType, await makeCa(keyType));
}

afterAll(() => {
  for (const { directory } of made.values()) rmSync(directory, { recursive: true, force: true });
});

describeWithEngines(["openssl"], "openssl verify -x509_strict", ({ openssl }) => {
  beforeAll(makeAll, 120_000);

  const verify = (
    { authority }: Made,
    { files }: StoredCertificate,
    purpose: Usage,
    more: readonly string[] = [],
  ) => {
    const trust = ["-CAfile", authority.layout.trustBundle, "-untrusted", files.chain, ...more];
    return succeeds(openssl.path, [
      "verify",
      "-x509_strict",
      "-purpose",
      `ssl${purpose}`,
      ...trust,
      files.cert,
    ]);
  };

  describe.each(KEY_TYPES)("a CA of type %s", (keyType) => {
    test("accepts each leaf for its own purpose only", async () => {
      const ca = caOf(keyType);
      for (const { usages, name, issued } of ca.chains) {
        for (const purpose of PURPOSES) {
          const accepted = await verify(ca, issued, purpose);
          expect({ name, purpose, accepted }).toEqual({ name, purpose, accepted: usages.includes(purpose) });
        }
      }
    });

    test("checks the whole chain against the CRLs, and refuses the revoked one", async () => {
      const ca = caOf(keyType);
      const [first] = ca.chains;
      const crls = ["-crl_check_all", "-CRLfile", ca.authority.layout.crl];
      expect(first && (await verify(ca, first.issued, "client", crls))).toBe(true);
      expect(await verify(ca, ca.revoked, "client", crls)).toBe(false);
      expect(await verify(ca, ca.revoked, "client")).toBe(true);
    });

    test("refuses before and after the lifetime, and under another CA", async () => {
      const ca = caOf(keyType);
      const issued = ca.revoked;
      const at = (milliseconds: number) => ["-attime", String(Math.floor(milliseconds / 1000))];
      expect(await verify(ca, issued, "client", at(issued.notBefore + 1000))).toBe(true);
      expect(await verify(ca, issued, "client", at(issued.notBefore - 1000))).toBe(false);
      expect(await verify(ca, issued, "client", at(issued.notAfter + 1000))).toBe(false);
      const other = caOf(keyType === "p256" ? "p384" : "p256");
      expect(await verify({ ...ca, authority: other.authority }, issued, "client")).toBe(false);
    });
  });
});

describeWithEngines(["go"], "Go crypto/x509", ({ go }) => {
  let program = "";

  beforeAll(async () => {
    await makeAll();
    program = join(caOf("p256").directory, "x509verify");
    const source = new URL("go/x509verify", import.meta.url).pathname;
    execFileSync(go.path, ["build", "-buildvcs=false", "-o", program, "."], { cwd: source, stdio: "pipe" });
  }, 180_000);

  test("accepts each leaf for its own purpose and names only", () => {
    const asked: { label: string; expected: boolean; request: object }[] = [];
    for (const [keyType, { authority, chains }] of made) {
      const Roots = readFileSync(authority.layout.trustBundle, "utf8");
      for (const { usages, name, issued } of chains) {
        const request = { Leaf: issued.cert, Chain: issued.chain, Roots };
        const ask = (expected: boolean, label: string, more: object) =>
          asked.push({ expected, label: `${keyType} ${name} ${label}`, request: { ...request, ...more } });
        for (const Usage of PURPOSES) ask(usages.includes(Usage), Usage, { Usage });
        const Usage = usages[0];
        ask(true, "by name", { Usage, Host: `${name}.fleet.internal` });
        ask(true, "by address", { Usage, Host: "127.0.0.1" });
        ask(false, "by another name", { Usage, Host: "other.fleet.internal" });
        ask(false, "too late", { Usage, At: Math.floor(issued.notAfter / 1000) + 1 });
      }
    }
    const input = asked.map(({ request }) => `${JSON.stringify(request)}\n`).join("");
    const output = execFileSync(program, { input, encoding: "utf8", maxBuffer: 1 << 24 });
    const answers = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { ok: boolean; error?: string });
    expect(answers.map(({ ok }, i) => [asked[i]?.label, ok])).toEqual(
      asked.map(({ label, expected }) => [label, expected]),
    );
    expect(asked).toHaveLength(4 * 12 * 6);
  });
});

describeWithEngines(["certtool"], "GnuTLS", ({ certtool }) => {
  beforeAll(makeAll, 120_000);

  const verify = ({ authority, directory }: Made, { cert, chain }: StoredCertificate, purpose: Usage) => {
    const file = join(directory, "gnutls.pem");
    writeFileSync(file, cert + chain);
    const trust = ["--load-ca-certificate", authority.layout.trustBundle, "--load-crl", authority.layout.crl];
    const id = purpose === "client" ? oids.clientAuth : oids.serverAuth;
    return succeeds(certtool.path, ["--verify", "--infile", file, ...trust, "--verify-purpose", id]);
  };

  test.each(KEY_TYPES)(
    "accepts each leaf of a CA of type %s for its own purpose, and no revoked one",
    async (keyType) => {
      const ca = caOf(keyType);
      for (const { usages, name, issued } of ca.chains) {
        for (const purpose of PURPOSES) {
          const accepted = await verify(ca, issued, purpose);
          expect({ name, purpose, accepted }).toEqual({ name, purpose, accepted: usages.includes(purpose) });
        }
      }
      expect(await verify(ca, ca.revoked, "client")).toBe(false);
    },
  );
});

/** Every kind of certificate: both CAs of a key type, and under them a leaf of each key type and use. */
function samples(keyType: KeyType): Record<string, string> {
  const { authority, chains } = caOf(keyType);
  const at = (name: string) => join(authority.layout.authorities, String(authority.current.number), name);
  return {
    root: at("root-cert.pem"),
    issuing: at("issuing-cert.pem"),
    ...Object.fromEntries(chains.map(({ name, issued }) => [name, issued.files.cert])),
  };
}

/** The same for a linter that takes seconds for each: all under one CA, and one leaf under each other. */
function fewerSamples(keyType: KeyType): Record<string, string> {
  if (keyType === "p256") return samples(keyType);
  const all = Object.entries(samples(keyType));
  return Object.fromEntries([...all.slice(0, 2), ...all.slice(-1)]);
}

/** A CA whose basic constraints are not critical, which RFC 5280 section 4.2.1.9 forbids: the linters' control. */
async function faultyCa(directory: string): Promise<string> {
  const { privateKey } = await generateKey("p256");
  const signer = keySigner(privateKey);
  const subject = encodeName([{ type: "CN", value: "faulty" }]);
  const der = await buildCertificate(
    {
      serial: Uint8Array.of(0x71, 2, 3, 4, 5, 6, 7, 8, 9),
      issuer: subject,
      subject,
      spki: signer.spki,
      notBefore: Date.now(),
      notAfter: Date.now() + 1000,
      extensions: [
        basicConstraints({ ca: true }, false),
        keyUsage(["keyCertSign"]),
        subjectKeyIdentifier(keyIdentifier(signer.spki)),
      ],
    },
    signer,
  );
  const path = join(directory, "faulty.pem");
  writeFileSync(path, encodePem("CERTIFICATE", der));
  return path;
}

describeWithEngines(["zlint"], "zlint", ({ zlint }) => {
  beforeAll(makeAll, 120_000);

  const findingsOn = async (path: string) => {
    const sources = "-includeSources=RFC5280,RFC5480,RFC5891,Community";
    const { stdout } = await execute(zlint.path, [sources, path]);
    // it exits 0 whatever it finds
    return Object.entries(JSON.parse(stdout) as Record<string, { result: string }>)
      .filter(([, { result }]) => ["warn", "error", "fatal"].includes(result))
      .map(([lint]) => lint);
  };

  test.each(KEY_TYPES)("has nothing against any certificate of a CA of type %s", async (keyType) => {
    const paths = Object.entries(samples(keyType));
    expect(paths).toHaveLength(2 + KEY_TYPES.length * USAGES.length);
    for (const [name, path] of paths) {
      expect({ name, findings: await findingsOn(path) }).toEqual({ name, findings: [] });
    }
  });

  test("finds fault with a faulty one", async () => {
    const findings = await findingsOn(await faultyCa(caOf("p256").directory));
    expect(findings).toContain("e_basic_constraints_not_critical");
  });
});

/**
 * Two findings are about pkilint, which knows DNS names of two labels or more and a list of URI
 * schemes without `spiffe`; RFC 1034 section 3.5 and RFC 3986 section 3.1 allow both.
 */
const UNKNOWN_TO_PKILINT = [
  /^pkix\.invalid_domain_name_syntax: Invalid domain name syntax: "localhost"$/,
  /^pkix\.invalid_uri_syntax: Invalid URI syntax: "spiffe:\/\/fleet\.internal\/[a-z0-9/-]+"$/,
];

describeWithEngines(["pkilint", "lint_crl"], "pkilint", (engines) => {
  beforeAll(makeAll, 120_000);

  test.each(KEY_TYPES)(
    "has nothing against any certificate of a CA of type %s",
    { timeout: 300_000 },
    async (keyType) => {
      const paths = Object.entries(fewerSamples(keyType));
      for (const [name, path] of paths) {
        const found = await pkilint(engines.pkilint.path, ["lint", path]);
        const findings = found.filter((finding) => !UNKNOWN_TO_PKILINT.some((known) => known.test(finding)));
        expect({ name, findings }).toEqual({ name, findings: [] });
      }
      expect(paths.length).toBeGreaterThanOrEqual(3);
    },
  );

  test.each(KEY_TYPES)(
    "has nothing against the CRLs of a CA of type %s",
    { timeout: 180_000 },
    async (keyType) => {
      const { authority } = caOf(keyType);
      for (const [type, name] of [
        ["ARL", "root-crl.pem"],
        ["CRL", "issuing-crl.pem"],
      ] as const) {
        const path = join(authority.layout.authorities, "1", name);
        expect(await pkilint(engines.lint_crl.path, ["lint", "-t", type, "-p", "PKIX", path])).toEqual([]);
      }
    },
  );

  test("finds fault with a faulty one", async () => {
    const findings = await pkilint(engines.pkilint.path, ["lint", await faultyCa(caOf("p256").directory)]);
    expect(findings.join("\n")).toMatch(/basic_constraints|not_critical/);
  });
});
