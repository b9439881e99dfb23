import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { buildCertificate, type CertificateSpec } from "../../../src/pki/certificate.ts";
import { readCsr } from "../../../src/pki/csr.ts";
import { derReader, readSingle, tags } from "../../../src/pki/der/read.ts";
import { oidOf } from "../../../src/pki/der/values.ts";
import { element, oid, sequence, setOf } from "../../../src/pki/der/write.ts";
import {
  basicConstraints,
  extendedKeyUsage,
  extension,
  type ExtensionDer,
  keyIdentifier,
  keyUsage,
} from "../../../src/pki/extensions.ts";
import { openInventory } from "../../../src/pki/inventory.ts";
import type { IssueRecord } from "../../../src/pki/inventory-line.ts";
import { generateKey, spkiOf } from "../../../src/pki/keys.ts";
import { encodeName } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { encodePem } from "../../../src/pki/pem.ts";
import { leafProfile, type LeafProfile } from "../../../src/pki/profiles.ts";
import { parseSan } from "../../../src/pki/roles.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import { type TestAuthority, testAuthority } from "../../support/authority.ts";
import { type Attempt, testProject, type TestProject } from "../../support/project.ts";
import { withIssuer } from "./contract.ts";

const ISSUE = ["cert", "issue", "truck-17", "--role", "fleet-edge"];
const DAY = 86_400;

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Issues once through a service that is what the listener makes of it. */
async function issueFrom(listener: RequestListener, root?: string, timeout?: string): Promise<Attempt> {
  const project = await projectWith(listener, root, timeout);
  return project.attempt(ISSUE, OPTIONS);
}

async function projectWith(listener: RequestListener, root?: string, timeout = "60s"): Promise<TestProject> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const project = testProject(() =>
    withIssuer([
      "issuer: vault",
      "trust_anchor: root.pem",
      `vault: {address: "http://127.0.0.1:${port}", timeout: ${timeout}}`,
    ])(),
  );
  writeFileSync(join(project.directory, "root.pem"), root ?? (await authority()).certificate);
  // the inventory is begun by whatever is done first
  await project.run(["cert", "list"], OPTIONS);
  writeFileSync(join(project.directory, "fleet.csv"), "name\ntruck-17\n");
  return project;
}

const OPTIONS = { env: { VAULT_TOKEN: "secret-of-the-test" } };

let made: Promise<TestAuthority> | undefined;
const authority = () => (made ??= testAuthority());

interface Forgery {
  /** Instead of what was asked for. */
  readonly profile?: Partial<LeafProfile>;
  readonly spec?: (spec: CertificateSpec) => Partial<CertificateSpec>;
  readonly by?: TestAuthority;
  /** Of the answer, PEM. */
  readonly chain?: readonly string[];
  readonly warnings?: readonly string[];
}

/** Answers as Vault does, with a certificate that is what was asked for but for one thing. */
function forging({ profile, spec, by, chain = [], warnings = [] }: Forgery): RequestListener {
  return (request, response) => {
    const answer = async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { csr } = JSON.parse(Buffer.concat(chunks).toString()) as { csr: string };
      const { spki } = await readCsr(csr, "csr");
      const { name, signer } = by ?? (await authority());
      const asked = leafProfile({
        random: randomBytes,
        now: Date.now(),
        ttl: DAY,
        spki,
        keyType: "p256",
        organization: "acme",
        issuer: { subject: name, keyId: keyIdentifier(signer.spki) },
        commonName: "truck-17",
        applicationRoles: ["vehicle_agent"],
        usages: ["client"],
        names: NAMES.map(parseSan),
        ...profile,
      });
      const der = await buildCertificate({ ...asked, ...spec?.(asked) }, signer);
      const certificate = encodePem("CERTIFICATE", der).trim();
      response.end(JSON.stringify({ data: { certificate, ca_chain: chain }, warnings }));
    };
    void answer();
  };
}

const NULL = Uint8Array.of(5, 0);

/** What an extension begins with; two of a kind begin alike. */
const kindOf = (der: ExtensionDer) => {
  const fields = derReader(readSingle(der, tags.sequence, "extension").contents, "extension");
  return oidOf(fields.next(tags.oid), "extension");
};

/** Other extensions in place of those of their kinds, or beside the usual. */
function extensions(...others: readonly ExtensionDer[]): Forgery {
  return without(others.map(kindOf), others);
}

function without(kinds: readonly string[], others: readonly ExtensionDer[] = []): Forgery {
  return {
    spec: (asked) => ({
      extensions: [...asked.extensions.filter((der) => !kinds.includes(kindOf(der))), ...others],
    }),
  };
}

/** One attribute more in the subject. */
function alsoNamed(type: string, tag: number, value = "admin"): Forgery {
  const rdn = setOf(sequence(oid(type), element(tag, Buffer.from(value))));
  return {
    spec: ({ subject }) => ({
      subject: sequence(readSingle(subject, tags.sequence, "name").contents, rdn),
    }),
  };
}

/** By an issuing CA of the service's, below the trust anchor, that ends then. */
async function below(notAfter: number): Promise<Forgery> {
  const by = await testAuthority("issuing CA", { issuer: await authority(), notAfter });
  return { by, chain: [by.certificate] };
}

/** Begun that much earlier than asked for, in milliseconds. */
function backdated(by: number): Forgery {
  return { spec: ({ notBefore }) => ({ notBefore: notBefore - by }) };
}

/** The subject without its organization. */
function withoutOrganization(): Forgery {
  const subject = encodeName([
    { type: "OU", value: "vehicle_agent" },
    { type: "CN", value: "truck-17" },
  ]);
  return { spec: () => ({ subject }) };
}

const NAMES = ["dns:truck-17.fleet.internal", "uri:spiffe://fleet.internal/fleet-edge/truck-17"];

describe("a service", () => {
  test("is not asked where the inventory is damaged, be it where only its index was read", async () => {
    let asked = 0;
    const answer = forging({});
    const project = await projectWith((request, response) => {
      asked += 1;
      answer(request, response);
    });
    const inventory = join(project.directory, ".fleetsec/inventory.jsonl");
    openInventory(systemFiles, inventory).append(Array.from({ length: 1000 }, (_, n) => recorded(n)));
    expect(existsSync(join(project.directory, ".fleetsec/inventory.index"))).toBe(true);
    const whole = readFileSync(inventory);
    const damaged = Buffer.from(whole);
    damaged[damaged.indexOf("truck-500") + 6] = 0x58;
    writeFileSync(inventory, damaged);
    for (const argv of [ISSUE, ["cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge"]]) {
      expect(await project.attempt(argv, OPTIONS)).toMatchObject({ code: "state", changed: false });
    }
    expect(asked).toBe(0);
    writeFileSync(inventory, whole);
    expect((await project.run(ISSUE, OPTIONS)).code).toBe(0);
    expect(asked).toBe(1);
  });
});

/** On record, and nowhere else. */
function recorded(n: number): IssueRecord {
  return {
    op: "issue",
    at: "2026-01-01T00:00:00Z",
    name: `truck-${n}`,
    serial: n.toString(16).padStart(8, "0").toUpperCase(),
    role: "fleet-edge",
    notBefore: "2026-01-01T00:00:00Z",
    notAfter: "2026-01-02T00:00:00Z",
    ttl: DAY,
    sans: [],
    keyType: "p256",
    authority: 0,
    issuer: "vault",
  };
}

describe("a service's certificate", () => {
  test("is taken where it is what was asked for", async () => {
    expect(await issueFrom(forging({}))).toMatchObject({ exit: 0, changed: true });
  });

  test("is taken with a place in its subject, without an organization, with another extension", async () => {
    const more = [
      alsoNamed(oids.localityName, tags.utf8String),
      withoutOrganization(),
      extensions(extension("1.2.3.4", false, NULL)),
    ];
    for (const forgery of more) expect(await issueFrom(forging(forgery))).toMatchObject({ exit: 0 });
  });

  test("is taken where the CA above it ends later, and where it began some minutes ago", async () => {
    const good = [await below(Date.now() + 25 * 3_600_000), backdated(4 * 60_000)];
    for (const forgery of good) expect(await issueFrom(forging(forgery))).toMatchObject({ exit: 0 });
  });

  test("is refused where it outlives the trust anchor", async () => {
    const by = await testAuthority("short CA", { notAfter: Date.now() + 3_600_000 });
    const ended = await issueFrom(forging({ by }), by.certificate);
    expect(ended).toMatchObject({ exit: 2, code: "refused", changed: false });
    expect(ended.text).toContain("after CN=short CA above it");
  });

  const names = (...more: string[]) => ({ profile: { names: [...NAMES, ...more].map(parseSan) } });
  const forgeries: readonly (readonly [title: string, forgery: () => Promise<Forgery> | Forgery])[] = [
    ["for another key", async () => ({ profile: { spki: spkiOf((await generateKey("p256")).publicKey) } })],
    ["with a name more", () => names("dns:gateway.fleet.internal")],
    ["with a name less", () => ({ profile: { names: NAMES.slice(0, 1).map(parseSan) } })],
    [
      "with another vehicle's identity",
      () => ({
        profile: { names: [NAMES[0] ?? "", "uri:spiffe://fleet.internal/fleet-edge/truck-18"].map(parseSan) },
      }),
    ],
    ["with another common name", () => ({ profile: { commonName: "truck-18" } })],
    [
      "with a role that nobody granted",
      () => ({ profile: { applicationRoles: ["vehicle_agent", "carrier_dispatch"] } }),
    ],
    ["without its role", () => ({ profile: { applicationRoles: [] } })],
    ["that is a CA", () => extensions(basicConstraints({ ca: true }), keyUsage(["keyCertSign"]))],
    [
      "that is a CA and a client",
      () => extensions(basicConstraints({ ca: true }), keyUsage(["digitalSignature", "keyCertSign"])),
    ],
    ["that is a CA by one extension", () => extensions(basicConstraints({ ca: true }))],
    ["that may sign certificates", () => extensions(keyUsage(["digitalSignature", "keyCertSign"]))],
    ["that may sign CRLs", () => extensions(keyUsage(["digitalSignature", "cRLSign"]))],
    ["for key agreement too", () => extensions(keyUsage(["digitalSignature", "keyAgreement"]))],
    ["that may not sign", () => extensions(keyUsage(["keyAgreement"]))],
    ["without key usages", () => without([oids.keyUsage])],
    ["without basic constraints", () => without([oids.basicConstraints])],
    ["without either", () => without([oids.keyUsage, oids.basicConstraints])],
    ["for every purpose", () => extensions(extendedKeyUsage([oids.clientAuth, oids.anyExtendedKeyUsage]))],
    ["without a purpose", () => without([oids.extKeyUsage])],
    ["with an unknown critical extension", () => extensions(extension("1.2.3.4", true, NULL))],
    ["with a mailbox in its subject", () => alsoNamed(oids.emailAddress, tags.ia5String)],
    ["with a user's name in its subject", () => alsoNamed(oids.userId, tags.utf8String)],
    ["with a role more", () => alsoNamed(oids.organizationalUnitName, tags.utf8String)],
    ["with a role in a string type of old", () => alsoNamed(oids.organizationalUnitName, tags.teletexString)],
    ["with a role in a string type that is no text", () => alsoNamed(oids.organizationalUnitName, 0x1b)],
    ["for servers too", () => ({ profile: { usages: ["client", "server"] } })],
    ["that ends an hour early", () => ({ profile: { ttl: DAY - 3600 } })],
    ["that ends an hour late", () => ({ profile: { ttl: DAY + 3600 } })],
    [
      "that begins tomorrow",
      () => ({
        spec: ({ notBefore, notAfter }) => ({
          notBefore: notBefore + DAY * 1000,
          notAfter: notAfter + DAY * 1000,
        }),
      }),
    ],
    [
      "that ended long ago",
      () => ({
        spec: ({ notBefore, notAfter }) => ({
          notBefore: notBefore - 9 * DAY * 1000,
          notAfter: notAfter - 9 * DAY * 1000,
        }),
      }),
    ],
    ["that outlives its issuing CA", () => below(Date.now() + 3_600_000)],
    ["that began ten minutes ago", () => backdated(600_000)],
    ["that began 20 days ago", () => backdated(20 * DAY * 1000)],
    ["of another organization", () => ({ profile: { organization: "evil" } })],
    ["of two organizations", () => alsoNamed(oids.organizationName, tags.utf8String, "acme")],
    [
      "with a terminal's commands in its organization",
      () => ({ profile: { organization: "acme\n\u001b[31m, OU=carrier_dispatch" } }),
    ],
    ["with a line break in its place", () => alsoNamed(oids.localityName, tags.utf8String, "a\nb")],
    ["with a hidden character in its place", () => alsoNamed(oids.localityName, tags.utf8String, "a\u202eb")],
    ["by another root", async () => ({ by: await testAuthority("another CA") })],
    ["signed over SHA-1", () => ({ spec: () => ({ hash: "sha1" }) })],
    ["with a serial number of zero", () => ({ spec: () => ({ serial: Uint8Array.of(0) }) })],
    ["cut short, with a warning", () => ({ warnings: ['TTL "24h" is longer than permitted maxTTL "1h"'] })],
  ];

  test.each(forgeries)("is refused %s, and nothing is written", async (_title, forgery) => {
    const ended = await issueFrom(forging(await forgery()));
    expect(ended).toMatchObject({ exit: 2, code: "refused", changed: false });
  });
});

describe("a service that", () => {
  const answering =
    (status: number, body: string): RequestListener =>
    (_request, response) => {
      response.writeHead(status).end(body);
    };
  const chatty: RequestListener = (_request, response) => {
    const chunk = Buffer.alloc(1 << 16, "a");
    const more = () => {
      while (response.write(chunk)) {
        // until its reader has had enough
      }
    };
    response.on("drain", more).on("error", () => {});
    more();
  };

  test.each<[title: string, code: string, listener: RequestListener]>([
    ["is sealed", "issuer", answering(503, '{"errors":["Vault is sealed"]}')],
    ["fails", "issuer", answering(500, '{"errors":["internal error"]}')],
    ["is not set up", "issuer", answering(501, "")],
    ["has too much to do", "issuer", answering(429, '{"errors":["rate limit quota exceeded"]}')],
    ["redirects", "issuer", answering(307, "")],
    ["answers with a page", "issuer", answering(200, "<html>gateway</html>")],
    ["answers without a certificate", "issuer", answering(200, '{"data":{}}')],
    ["answers with something else", "issuer", answering(200, '{"data":{"certificate":"none"}}')],
    ["answers with null", "issuer", answering(200, "null")],
    ["answers without end", "unreachable", chatty],
    ["hangs up", "unreachable", (request) => request.socket.destroy()],
    [
      "stops in the middle",
      "unreachable",
      (_request, response) => {
        response.writeHead(200, { "content-length": "1000" });
        response.write("{", () => response.destroy());
      },
    ],
    ["speaks no HTTP", "unreachable", (request) => request.socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
  ])("%s is said to, and nothing is written", async (_title, code, listener) => {
    const ended = await issueFrom(listener);
    expect(ended).toMatchObject({ exit: 3, code, changed: false });
    expect(ended.text).not.toMatch(/undefined|secret-of-the-test/);
  });

  test.each([400, 403, 404, 412, 500, 503])(
    "repeats our token with status %i does not have it shown",
    async (status) => {
      const listener = echoing(status, (secret) => ({
        errors: [`${secret} is not known here`],
        warnings: [secret],
      }));
      const ended = await issueFrom(listener);
      expect(ended).toMatchObject({ changed: false });
      expect(ended.text).toMatch(/\[redacted\] is not known here|does not accept the token|is sealed/);
      expect(ended.text).not.toContain("secret-of-the");
    },
  );

  test("warns with our token in its words does not have it shown", async () => {
    const warned = echoing(200, (secret) => ({ data: {}, warnings: [`ttl of ${secret} was capped`] }));
    const ended = await issueFrom(warned);
    expect(ended).toMatchObject({ exit: 2, code: "refused", changed: false });
    expect(ended.text).toContain("ttl of [redacted] was capped");
  });

  test("does not answer in time is said to, and nothing is written", async () => {
    const ended = await issueFrom(() => {}, undefined, "1s");
    expect(ended).toMatchObject({ exit: 3, code: "unreachable", changed: false });
    expect(ended.text).toContain("did not answer within 1 s");
  });

  test("says a lot has its words cut to length", async () => {
    const words = `\u001b[2J${"x".repeat(5000)}`;
    const { exit, text } = await issueFrom(answering(400, JSON.stringify({ errors: [words] })));
    expect(exit).toBe(2);
    expect(text.length).toBeLessThan(500);
  });

  test("has another certificate than a root for its trust anchor is not asked", async () => {
    const { certificate } = await authority();
    expect(await issueFrom(forging({}), certificate)).toMatchObject({ exit: 0 });
    const leaf = await leafOf(await authority());
    expect(await issueFrom(forging({}), leaf)).toMatchObject({ exit: 2, code: "config", changed: false });
  });
});

/** A service that repeats what it was shown. */
function echoing(status: number, words: (secret: string) => object): RequestListener {
  return (request, response) => {
    request.resume();
    const secret = String(request.headers["x-vault-token"]);
    response.writeHead(status).end(JSON.stringify(words(secret)));
  };
}

async function leafOf({ name, signer }: TestAuthority): Promise<string> {
  const { publicKey } = await generateKey("p256");
  const spec = leafProfile({
    random: randomBytes,
    now: Date.now(),
    ttl: DAY,
    spki: spkiOf(publicKey),
    keyType: "p256",
    organization: "acme",
    issuer: { subject: name, keyId: keyIdentifier(signer.spki) },
    commonName: "leaf",
    applicationRoles: [],
    usages: ["client"],
    names: NAMES.map(parseSan),
  });
  return encodePem("CERTIFICATE", await buildCertificate(spec, signer));
}
