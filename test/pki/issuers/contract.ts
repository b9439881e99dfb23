// The titles here are the callers', and so are some of the assertions.
/* oxlint-disable vitest/valid-title, vitest/expect-expect */
import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { buildCsr } from "../../../src/pki/build-csr.ts";
import { keySigner } from "../../../src/pki/keys.ts";
import { parseSan } from "../../../src/pki/roles.ts";
import type { CliOptions } from "../../support/cli.ts";
import { type JsonDocument, testProject, type TestProject } from "../../support/project.ts";
import { schemaErrors } from "../../support/schema.ts";

/** What can be wrong with an issuer, or with us in its eyes. */
export type Fault = "unreachable" | "ended-token" | "not-allowed" | "wrong-role" | "lower-limit";

/** How each fault must end: the exit code of the contract, and the error's own. */
const ENDS: Readonly<Record<Fault, { exit: number; code: string }>> = {
  unreachable: { exit: 3, code: "unreachable" },
  "ended-token": { exit: 3, code: "issuer" },
  "not-allowed": { exit: 2, code: "refused" },
  "wrong-role": { exit: 2, code: "refused" },
  "lower-limit": { exit: 2, code: "refused" },
};

/** A way to be issued certificates. */
export interface ContractParty {
  /** Lines of the section `pki` that choose it, and with `fault` the same with something wrong. */
  config(fault?: Fault): readonly string[];
  /** What a command line gets beside its arguments. */
  options(fault?: Fault): CliOptions;
  /** Those that it can have. */
  readonly faults: readonly Fault[];
  /** The project's own CA has to be made first. */
  readonly ownCa?: boolean;
  readonly publishesCrl: boolean;
  /** Its CRL says why. */
  readonly givesReason: boolean;
}

const ISSUE = ["cert", "issue", "truck-17", "--role", "fleet-edge"];

/** What an issuer may leave to others, and the commands that are refused then. */
const LEFT = {
  "keeping certificates": [
    ["cert", "list"],
    ["cert", "needs-renewal", "truck-17"],
  ],
  "certifying a CSR that lacks what the role gives": [
    ["cert", "sign", "truck-9.csr", "--role", "fleet-edge"],
  ],
  renewing: [
    ["cert", "renew", "truck-17"],
    ["cert", "renew", "truck-17", "--force", "--rekey"],
    ["cert", "rotate"],
  ],
  revoking: [
    ["cert", "revoke", "truck-17", "--reason", "keyCompromise"],
    ["ca", "crl"],
  ],
  "a trust bundle": [["ca", "bundle"]],
} as const;

type Row = keyof typeof LEFT;

/**
 * What every issuer must do, through the command line and with the same answers.
 * @param leaves what it leaves to others, with the reason: there the contract is that it says so
 */
export function issuerContract(
  title: string,
  party: () => ContractParty,
  leaves: Partial<Readonly<Record<Row, string>>> = {},
): void {
  const at = (project: TestProject) => ({
    run: (...argv: string[]) => project.json(argv, party().options()),
  });
  /** A row of the contract, or that it is refused and why. */
  const unlessLeft = (row: Row, what: string, run: () => Promise<void>) => {
    const reason = leaves[row];
    if (reason === undefined) test(what, run);
    else
      test(`is not for ${row}, since ${reason}: that is refused, and nothing is written`, () => refuses(row));
  };
  const refuses = async (row: Row) => {
    const project = await projectOf(party());
    writeFileSync(join(project.directory, "truck-9.csr"), (await csrOf("truck-9")).csr);
    expect((await at(project).run(...ISSUE)).code).toBe(0);
    for (const argv of LEFT[row]) {
      const ended = await project.attempt(argv, party().options());
      expect({ argv, ...ended }).toMatchObject({ argv, exit: 2, code: "refused", changed: false });
      // with a way out
      expect(ended.text).not.toMatch(/undefined/);
    }
  };

  describe(title, () => {
    test("issues what was asked for, and nothing else", async () => {
      const project = await projectOf(party());
      const { code, document } = await at(project).run(...ISSUE, "--ttl", "2h");
      expect({ code, message: document.message }).toEqual({ code: 0, message: undefined });
      expect(schemaErrors(document)).toEqual([]);
      expect(issuedBy(document)).toEqual({
        names: ["dns:truck-17.fleet.internal", "uri:spiffe://fleet.internal/fleet-edge/truck-17"],
        subject: ["OU=vehicle_agent", "CN=truck-17"],
        usages: ["client"],
        isCa: false,
        // however long the test takes
        minutes: expect.closeTo(120, -1) as number,
        keyType: "p256",
      });
    });

    unlessLeft("keeping certificates", "keeps a certificate as what it is, with a private key", async () => {
      const project = await projectOf(party());
      const { run } = at(project);
      const { document } = await run(...ISSUE);
      const certificate = new X509Certificate(readFileSync(document.files.cert));
      expect(spkiOf(certificate)).toBe(spkiIn(readFileSync(document.files.key)));
      expect(statSync(document.files.key).mode & 0o777).toBe(0o600);
      expect((await run("cert", "verify", document.files.cert, "--purpose", "client")).code).toBe(0);
      expect((await run("cert", "verify", document.files.cert, "--purpose", "server")).code).toBe(1);
      expect(opensslVerifies(project, document.files)).toBe(true);
      expect((await run("cert", "list")).document.certificates).toMatchObject([
        { name: "truck-17", serial: document.serial, status: "valid" },
      ]);
    });

    test.each(["p384", "ed25519", "rsa3072"])("certifies a key of type %s", async (type) => {
      const project = await projectOf(party());
      const { code, document } = await at(project).run(...ISSUE, "--key-type", type);
      expect({ code, message: document.message }).toEqual({ code: 0, message: undefined });
      expect(issuedBy(document).keyType).toBe(type);
      expect(document.files === undefined || opensslVerifies(project, document.files)).toBe(true);
    });

    test("issues for a server, under addresses too", async () => {
      const project = await projectOf(party());
      const sans = ["dns:localhost", "ip:127.0.0.1", "ip:::1"].flatMap((san) => ["--san", san]);
      const { code, document } = await at(project).run("cert", "issue", "edge", "--role", "gateway", ...sans);
      expect({ code, message: document.message }).toEqual({ code: 0, message: undefined });
      expect(issuedBy(document)).toMatchObject({
        names: ["dns:edge.fleet.internal", "dns:localhost", "ip:127.0.0.1", "ip:::1"],
        usages: ["server"],
      });
    });

    unlessLeft(
      "certifying a CSR that lacks what the role gives",
      "certifies the key of a CSR, which stays where it is",
      async () => {
        const project = await projectOf(party());
        const { csr, publicKey } = await csrOf("truck-9");
        writeFileSync(join(project.directory, "truck-9.csr"), csr);
        const { code, document } = await at(project).run(
          "cert",
          "sign",
          "truck-9.csr",
          "--role",
          "fleet-edge",
        );
        expect({ code, message: document.message }).toEqual({ code: 0, message: undefined });
        const certificate = new X509Certificate(document.certificate);
        expect(spkiOf(certificate)).toBe(
          publicKey.export({ type: "spki", format: "der" }).toString("base64"),
        );
        expect(existsSync(join(project.directory, ".fleetsec/certs/truck-9/current/key.pem"))).toBe(false);
      },
    );

    test("a role that there is not, and a name that it does not allow, are refused; nothing is written", async () => {
      const project = await projectOf(party());
      expect((await at(project).run(...ISSUE)).code).toBe(0);
      for (const [argv, code] of [
        [ISSUE.with(4, "nosuch"), "not-found"],
        [[...ISSUE, "--san", "dns:truck.example.com"], "refused"],
        [[...ISSUE, "--san", "ip:10.0.0.1"], "refused"],
      ] as const) {
        const refused = await project.attempt(argv, party().options());
        expect(refused).toMatchObject({ exit: 2, code, changed: false });
      }
    });

    test("a lifetime beyond the role's is refused, and nothing is written", async () => {
      const project = await projectOf(party());
      await at(project).run(...ISSUE);
      const refused = await project.attempt([...ISSUE, "--ttl", "100h"], party().options());
      expect(refused).toMatchObject({ exit: 2, code: "refused", changed: false });
    });

    const kinds = { client: "fleet-edge", server: "gateway" } as const;
    for (const [kind, role] of Object.entries(kinds)) {
      const what = `renews the certificate of a ${kind} with the same key, and with another where that is asked for`;
      unlessLeft("renewing", what, async () => {
        const project = await projectOf(party());
        const { run } = at(project);
        const { document: first } = await run(...ISSUE.with(4, role));
        const key = readFileSync(first.files.key, "utf8");
        expect((await run("cert", "renew", "truck-17")).document.renewed).toBe(false);
        const { code, document: second } = await run("cert", "renew", "truck-17", "--force");
        expect({ code, renewed: second.renewed, message: second.message }).toMatchObject({
          code: 0,
          renewed: true,
        });
        expect(second.serial).not.toBe(first.serial);
        expect(readFileSync(first.files.key, "utf8")).toBe(key);
        expect(spkiOf(new X509Certificate(readFileSync(first.files.cert)))).toBe(spkiIn(key));
        const { document: third } = await run("cert", "renew", "truck-17", "--force", "--rekey");
        expect(third.serial).not.toBe(second.serial);
        const other = readFileSync(first.files.key, "utf8");
        expect(other).not.toBe(key);
        expect(spkiOf(new X509Certificate(readFileSync(first.files.cert)))).toBe(spkiIn(other));
        const rotated = await run("cert", "rotate", "--force");
        expect([rotated.code, rotated.document.certificates?.[0]?.outcome]).toEqual([0, "renewed"]);
        expect(issuedBy(first).usages).toEqual([kind]);
      });
    }

    unlessLeft("revoking", "revokes, says so once, and renews no more", async () => {
      const project = await projectOf(party());
      const { run } = at(project);
      const { document: issued } = await run(...ISSUE);
      const { code, document } = await run("cert", "revoke", "truck-17", "--reason", "keyCompromise");
      expect({ code, message: document.message }).toEqual({ code: 0, message: undefined });
      expect(schemaErrors(document)).toEqual([]);
      expect(document).toMatchObject({ changed: true, revoked: [{ serial: issued.serial }] });
      expect((await run("cert", "list")).document.certificates).toMatchObject([{ status: "revoked" }]);
      const again = await run("cert", "revoke", "truck-17");
      expect([again.code, again.document.changed]).toEqual([0, false]);
      expect(
        await project.attempt(["cert", "renew", "truck-17", "--force"], party().options()),
      ).toMatchObject({
        exit: 2,
        code: "refused",
        changed: false,
      });
      const inventory = join(project.directory, ".fleetsec/inventory.jsonl");
      expect(readFileSync(inventory, "utf8")).toMatch(/"op":"revoke".*"reason":"keyCompromise"/);
      expect(document.reasonPublished).toBe(party().givesReason);
      if (!party().publishesCrl) return;
      const crl = execFileSync("openssl", ["crl", "-in", document.crl, "-noout", "-text"], {
        encoding: "utf8",
      });
      expect(crl).toContain(issued.serial);
      // what is said of the reason is what the CRL shows
      expect(crl.includes("Key Compromise")).toBe(document.reasonPublished);
      expect(opensslVerifies(project, issued.files)).toBe(true);
      expect(opensslVerifies(project, issued.files, document.crl)).toBe(false);
    });

    unlessLeft("a trust bundle", "prints the trust bundle that it is judged by", async () => {
      const project = await projectOf(party());
      const { document } = await at(project).run("ca", "bundle");
      expect(document.certificates).toHaveLength(1);
    });

    test("whatever is wrong, nothing is written, and the way out is named", async () => {
      const project = await projectOf(party());
      const { document: control } = await at(project).run(...ISSUE);
      expect(control.message).toBeUndefined();
      for (const fault of party().faults) {
        writeFileSync(join(project.directory, `${fault}.yaml`), withIssuer(party().config(fault))(CONFIG));
      }
      for (const fault of party().faults) {
        const commands = [
          [...ISSUE.with(2, "truck-18"), ...(fault === "lower-limit" ? ["--ttl", "80h"] : [])],
          ...(fault === "lower-limit" ? [] : [["cert", "renew", "truck-17", "--force", "--rekey"]]),
        ];
        for (const argv of commands) {
          const config = ["--config", `${fault}.yaml`];
          const ended = await project.attempt([...config, ...argv], party().options(fault));
          expect({ fault, ...ended }).toMatchObject({ fault, ...ENDS[fault], changed: false });
          expect(ended.text).not.toMatch(/undefined|\bnull\b|PRIVATE/);
          // it is the issuer that says no, and not a rule of ours
          expect(ended.text).not.toContain("pki.roles.");
        }
      }
      expect((await at(project).run(...ISSUE)).code).toBe(0);
    });
  });
}

/** What a certificate is for, whether it was made or is asked for. */
interface Issued {
  readonly names: readonly string[];
  readonly subject: readonly string[];
  readonly usages: readonly string[];
  readonly isCa: boolean;
  readonly minutes: number;
  readonly keyType: string;
}

function issuedBy(document: JsonDocument): Issued {
  return document.manifest === undefined
    ? inCertificate(new X509Certificate(readFileSync(document.files.cert)))
    : inManifest(parse(readFileSync(document.file, "utf8")).spec);
}

const USAGES: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.1": "server",
  "1.3.6.1.5.5.7.3.2": "client",
};

function inCertificate(certificate: X509Certificate): Issued {
  const { asymmetricKeyType, asymmetricKeyDetails: { namedCurve, modulusLength } = {} } =
    certificate.publicKey;
  const curves: Readonly<Record<string, string>> = { prime256v1: "p256", secp384r1: "p384" };
  return {
    names: (certificate.subjectAltName ?? "").split(", ").map(formatted).toSorted(),
    subject: certificate.subject.split("\n").slice(-2),
    // of the extended key usage, in spite of its name
    usages: certificate.keyUsage.map((oid) => USAGES[oid] ?? oid),
    isCa: certificate.ca,
    minutes: Math.round((Date.parse(certificate.validTo) - Date.now()) / 60_000),
    keyType: curves[namedCurve ?? ""] ?? `${asymmetricKeyType}${modulusLength ?? ""}`,
  };
}

/** As `--san` has it. */
function formatted(name: string): string {
  const [, type = "", value = ""] = /^(DNS|URI|IP Address):(.*)$/.exec(name) ?? [];
  if (type === "IP Address") return `ip:${value === "0:0:0:0:0:0:0:1" ? "::1" : value}`;
  return `${type.toLowerCase()}:${value}`;
}

/** Of cert-manager's Certificate. */
function inManifest(spec: JsonDocument): Issued {
  const { dnsNames = [], ipAddresses = [], uris = [], subject, usages, privateKey } = spec;
  const list = (type: string, values: readonly string[]) => values.map((value) => `${type}:${value}`);
  const { algorithm, size = "" } = privateKey;
  return {
    names: [...list("dns", dnsNames), ...list("ip", ipAddresses), ...list("uri", uris)].toSorted(),
    subject: [...list("OU", subject.organizationalUnits ?? []), `CN:${spec.commonName}`].map((part) =>
      part.replace(":", "="),
    ),
    usages: usages.flatMap((usage: string) => /^(.*) auth$/.exec(usage)?.[1] ?? []),
    isCa: spec.isCA ?? false,
    minutes: Number.parseInt(spec.duration, 10) / 60,
    keyType: `${algorithm === "ECDSA" ? "p" : algorithm.toLowerCase()}${size}`,
  };
}

async function csrOf(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const names = [`dns:${name}.fleet.internal`, `uri:spiffe://fleet.internal/fleet-edge/${name}`];
  const csr = await buildCsr({ commonName: name, names: names.map(parseSan) }, keySigner(privateKey));
  return { csr, publicKey };
}

const CONFIG = `version: 1
name: acme
domain: fleet.internal
pki:
  roles:
    fleet-edge:
      usages: [client]
      allowed_domains: [fleet.internal]
      allowed_uri_sans: ["spiffe://fleet.internal/fleet-edge/*"]
      application_roles: [vehicle_agent]
    gateway:
      usages: [server]
      allowed_domains: [fleet.internal, localhost]
      allow_bare_domains: true
      allow_ip_sans: true
`;

/** The configuration that a service is set up by. */
export function withIssuer(lines: readonly string[]): (config?: string) => string {
  const section = ["pki:", ...lines.map((line) => `  ${line}`)].join("\n");
  const raised = lines.includes(RAISED);
  return (config = CONFIG) =>
    config
      .replace("pki:", section)
      .replace(`  ${RAISED}\n`, "")
      .replace("usages: [client]\n", raised ? "usages: [client]\n      max_ttl: 96h\n" : "$&");
}

/** Stands for a role that allows more here than at the service. */
export const RAISED = "# raised";

export async function projectOf(party: ContractParty): Promise<TestProject> {
  const project = testProject(() => withIssuer(party.config())());
  if (party.ownCa === true) await project.run(["ca", "init", "--insecure-dev-key"]);
  return project;
}

export function spkiOf(certificate: X509Certificate): string {
  return certificate.publicKey.export({ type: "spki", format: "der" }).toString("base64");
}

function spkiIn(privateKey: Buffer | string): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "der" }).toString("base64");
}

/** By the files that a gateway would be told. */
export function opensslVerifies(
  project: TestProject,
  files: { readonly cert: string; readonly chain: string },
  crl?: string,
): boolean {
  const state = join(project.directory, ".fleetsec");
  const bundle = ["ca/bundle.pem", "issuer/bundle.pem"].map((path) => join(state, path)).find(existsSync);
  const revocation = crl === undefined ? [] : ["-crl_check", "-CRLfile", crl];
  const args = [
    "-x509_strict",
    ...revocation,
    "-CAfile",
    bundle ?? "",
    "-untrusted",
    files.chain,
    files.cert,
  ];
  const { status, stdout, stderr } = spawnSync("openssl", ["verify", ...args], { encoding: "utf8" });
  if (status === 0) return stdout.includes(": OK");
  // anything else than a revocation is a fault of the test
  expect(stderr).toContain("certificate revoked");
  return false;
}
