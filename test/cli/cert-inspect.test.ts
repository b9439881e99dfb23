import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import {
  authorityInfoAccess,
  basicConstraints,
  crlDistributionPoints,
  nameConstraints,
  subjectAltName,
} from "../../src/pki/extensions.ts";
import { encodeName } from "../../src/pki/name.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { DAY, forge, HOUR, type Identity, newKey, NOW, type Spec } from "../pki/verify/forge.ts";
import { type CliOptions, runCli } from "../support/cli.ts";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const system = systemPlatform(new AbortController().signal);
const pemOf = (...identities: Identity[]) =>
  identities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der)).join("");

async function inspect(argv: readonly string[], options: CliOptions = {}) {
  const clock = { ...system.clock, now: () => NOW };
  const { code, stdout } = await runCli(["cert", "inspect", "--json", ...argv], { clock, ...options });
  const document = JSON.parse(stdout);
  expect(schemaErrors(document)).toEqual([]);
  return { code, document };
}

const text = (argv: readonly string[], cwd: string) =>
  runCli(["cert", "inspect", ...argv], { cwd, clock: { ...system.clock, now: () => NOW } });

/** A vehicle's certificate with everything that is shown, and its CAs. */
async function vehicle(spec: Spec = {}) {
  const permitted = [{ type: "dns", value: "fleet.internal" }] as const;
  const limits = basicConstraints({ ca: true, pathLength: 0 });
  const root = await forge({ subject: "root", ca: true });
  const issuing = await forge(
    {
      subject: "issuing",
      ca: true,
      replace: { basicConstraints: limits },
      extra: [nameConstraints({ permitted })],
    },
    root,
  );
  const leaf = await forge(
    {
      subject: encodeName([
        { type: "O", value: "acme" },
        { type: "OU", value: "vehicle_agent" },
        { type: "CN", value: "truck-7" },
      ]),
      notAfter: NOW + 3 * HOUR,
      replace: {
        subjectAltName: subjectAltName([
          { type: "dns", value: "truck-7.fleet.internal" },
          { type: "ip", value: "2001:db8::7" },
          { type: "uri", value: "spiffe://fleet.internal/truck-7" },
        ]),
      },
      extra: [
        crlDistributionPoints(["http://crl.fleet.internal/1"]),
        authorityInfoAccess({
          ocsp: ["http://ocsp.fleet.internal"],
          caIssuers: ["http://ca.fleet.internal/ca.crt"],
        }),
      ],
      ...spec,
    },
    issuing,
  );
  return { root, issuing, leaf };
}

describe("cert inspect FILE", () => {
  test("says what the certificates hold", async () => {
    const cwd = scratch();
    const { issuing, leaf } = await vehicle();
    writeFileSync(join(cwd, "chain.pem"), pemOf(leaf, issuing));
    const { code, document } = await inspect(["chain.pem"], { cwd });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      source: { type: "file", file: "chain.pem" },
      certificates: [
        {
          subject: "CN=truck-7,OU=vehicle_agent,O=acme",
          issuer: "CN=issuing",
          notAfter: "2026-03-01T15:00:00Z",
          status: "valid",
          ca: false,
          names: ["dns:truck-7.fleet.internal", "ip:2001:db8::7", "uri:spiffe://fleet.internal/truck-7"],
          spiffeId: "spiffe://fleet.internal/truck-7",
          roles: ["vehicle_agent"],
          key: "EC P-256",
          signature: "ECDSA with SHA-256",
          keyUsage: ["digitalSignature"],
          extendedKeyUsage: ["clientAuth", "serverAuth"],
          crl: ["http://crl.fleet.internal/1"],
          ocsp: ["http://ocsp.fleet.internal"],
          defects: [],
        },
        { subject: "CN=issuing", ca: true, pathLength: 0, permittedNames: ["dns:fleet.internal"] },
      ],
    });
    expect(document.certificates[0].serial).toBe(leaf.certificate.serial);
  });

  test("as a table that fits 80 columns", async () => {
    const cwd = scratch();
    const { issuing, leaf } = await vehicle();
    writeFileSync(join(cwd, "chain.pem"), pemOf(leaf, issuing));
    const { stdout } = await text(["chain.pem"], cwd);
    expect(stdout).toContain("  valid until  2026-03-01T15:00:00Z (expires in 3 h)\n");
    expect(stdout).toContain("  SPIFFE ID    spiffe://fleet.internal/truck-7\n");
    expect(stdout).toContain("  roles        vehicle_agent\n");
    expect(stdout).toMatch(
      /\nchain\n {2}1 {2}CN=issuing {2}CA {2}expires in 1 d {2}SHA-256 [0-9a-f]{16}…\n$/,
    );
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test.each<[string, Spec, string, string]>([
    ["expired", { notAfter: NOW - 2 * HOUR }, "expired", "EXPIRED 2 h ago"],
    ["in its last second", { notAfter: NOW }, "valid", "expires in 0 s"],
    ["not yet valid", { notBefore: NOW + 90_000 }, "not-yet-valid", "NOT YET VALID, begins in 1 min"],
  ])("tells that one is %s", async (_, spec, status, shown) => {
    const cwd = scratch();
    writeFileSync(join(cwd, "leaf.pem"), pemOf((await vehicle(spec)).leaf));
    expect((await inspect(["leaf.pem"], { cwd })).document.certificates[0].status).toBe(status);
    expect((await text(["leaf.pem"], cwd)).stdout).toContain(shown);
  });

  test("names what breaks the rules, escaped", async () => {
    const cwd = scratch();
    const evil = await vehicle({
      key: await newKey("rsa1024"),
      subject: encodeName([{ type: "CN", value: "evil\u001b]0;\u0007\r\n\u202eleaf" }]),
      replace: { subjectAltName: subjectAltName([{ type: "dns", value: "a..b" }]) },
    });
    writeFileSync(join(cwd, "evil.pem"), pemOf(evil.leaf));
    const { stdout } = await text(["evil.pem"], cwd);
    expect(stdout).toContain("evil\\u{1b}]0\\;\\u{7}\\u{d}\\u{a}\\u{202e}leaf");
    expect(stdout).toContain("breaks the rules\n");
    expect(stdout).toContain("(weak-key)");
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    const { document } = await inspect(["evil.pem"], { cwd });
    const codes = document.certificates[0].defects.map(({ code }: { code: string }) => code);
    expect(codes).toEqual(["malformed-extension", "weak-key"]);
  });

  test("two URIs make no SPIFFE ID", async () => {
    const cwd = scratch();
    const uris = ["spiffe://fleet.internal/a", "spiffe://fleet.internal/b"];
    const names = subjectAltName(uris.map((value) => ({ type: "uri", value }) as const));
    writeFileSync(join(cwd, "leaf.pem"), pemOf((await vehicle({ replace: { subjectAltName: names } })).leaf));
    expect((await inspect(["leaf.pem"], { cwd })).document.certificates[0]).not.toHaveProperty("spiffeId");
  });

  test.each([
    ["key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
    ["empty.pem", ""],
    ["cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB"],
    ["garbage.der", Buffer.from("3082000130820001", "hex")],
  ])("refuses %s, exit 2", async (name, data) => {
    const cwd = scratch();
    writeFileSync(join(cwd, name), data);
    expect(await inspect([name], { cwd })).toMatchObject({ code: 2, document: { code: "input" } });
  });

  test("refuses a directory and what does not exist, exit 2", async () => {
    const cwd = scratch();
    mkdirSync(join(cwd, "folder"));
    expect(await inspect(["folder"], { cwd })).toMatchObject({ code: 2, document: { code: "input" } });
    expect(await inspect(["missing"], { cwd })).toMatchObject({ code: 2, document: { code: "not-found" } });
  });

  test.each(["missing:99999", "::1:443", "https://localhost:443/", "host:"])(
    "%s is neither a file nor a server, and how to write one is said, exit 2",
    async (what) => {
      const { code, document } = await inspect([what], { cwd: scratch() });
      expect([code, document.code]).toEqual([2, "usage"]);
      expect(document.hint).toContain("brackets");
    },
  );
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return `localhost:${(server.address() as AddressInfo).port}`;
}

async function tlsServer({ leaf, issuing }: Awaited<ReturnType<typeof vehicle>>, options: TlsOptions = {}) {
  const key = leaf.key.export({ type: "pkcs8", format: "pem" });
  const server = createTlsServer({ key, cert: pemOf(leaf, issuing), ...options }, (socket) => socket.end());
  server.on("tlsClientError", () => {});
  return listen(server);
}

/** The name stands for the loopback address, whatever this machine's resolver says. */
const network = { ...system.network, lookup: async () => [{ address: "127.0.0.1", family: 4 as const }] };

describe("cert inspect HOST:PORT", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("shows what a server of %s presents", async (version) => {
    const made = await vehicle();
    const endpoint = await tlsServer(made, { minVersion: version, maxVersion: version });
    const { code, document } = await inspect([endpoint], { network });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      source: { type: "endpoint", endpoint, address: "127.0.0.1", tls: version },
      certificates: [{ serial: made.leaf.certificate.serial }, { subject: "CN=issuing" }],
    });
  });

  test.each([
    ["TLSv1.2", null],
    ["TLSv1.3", "TLSv1.3"],
  ] as const)("shows a server of %s that demands a client's certificate", async (version, tls) => {
    const made = await vehicle();
    const options = { requestCert: true, rejectUnauthorized: true, minVersion: version, maxVersion: version };
    const { code, document } = await inspect([await tlsServer(made, options)], { network });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      source: { tls },
      certificates: [{ serial: made.leaf.certificate.serial }, { subject: "CN=issuing" }],
    });
  });

  test("shows an expired certificate: nothing is verified", async () => {
    const made = await vehicle({ notBefore: NOW - 2 * DAY, notAfter: NOW - DAY });
    const { document } = await inspect([await tlsServer(made)], { network });
    expect(document.certificates[0].status).toBe("expired");
  });

  test("tries the next address where one does not answer", async () => {
    const endpoint = await tlsServer(await vehicle());
    const lookup = async () => [
      { address: "::1", family: 6 as const },
      { address: "127.0.0.1", family: 4 as const },
    ];
    expect(await inspect([endpoint], { network: { ...network, lookup } })).toMatchObject({ code: 0 });
  });

  const unreachable = { code: 3, document: { code: "unreachable" } };

  test("a dead port cannot be established, exit 3", async () => {
    // the port is kept from others; nobody listens there under another address
    const endpoint = await listen(createTcpServer());
    const lookup = async () => [{ address: "127.0.0.2", family: 4 as const }];
    expect(await inspect([endpoint], { network: { ...network, lookup } })).toMatchObject(unreachable);
  });

  test.each<[string, (socket: Socket) => void]>([
    ["that closes at once", (socket) => socket.destroy()],
    ["that ends at once", (socket) => socket.end()],
    ["that speaks something else", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
  ])("nor can a server %s", async (_, serve) => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {}).resume();
      serve(socket);
    });
    expect(await inspect([await listen(server)], { network })).toMatchObject(unreachable);
  });

  test("nor can one that never answers, after --timeout", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {}).resume();
    });
    const endpoint = await listen(server);
    const message = `${endpoint} did not answer within 0.2 s`;
    expect(await inspect([endpoint, "--timeout", "0.2"], { network })).toMatchObject({
      code: 3,
      document: { code: "unreachable", message },
    });
  });

  test("nor can a name that does not resolve", async () => {
    const lookup = async () => {
      throw new FleetsecError("unreachable", "it does not resolve");
    };
    expect(await inspect(["nowhere.invalid:443"], { network: { ...network, lookup } })).toMatchObject(
      unreachable,
    );
  });

  test("an interruption ends it", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {}).resume();
      controller.abort(new FleetsecError("interrupted", "interrupted"));
    });
    const controller = new AbortController();
    const { code } = await inspect([await listen(server)], { network, signal: controller.signal });
    expect(code).toBe(130);
  });

  test.each(["0", "-1", "x", "4000", ""])("--timeout %j is a usage error", async (value) => {
    expect(await inspect(["localhost:1", "--timeout", value], { network })).toMatchObject({
      code: 2,
      document: { code: "usage" },
    });
  });
});

describe("what a gateway would make of it", () => {
  async function project() {
    const made = testProject();
    await made.run(["ca", "init", "--insecure-dev-key"]);
    const issue = async (name: string, role: string, ...flags: string[]) =>
      (await made.json(["cert", "issue", name, "--role", role, ...flags])).document.files.cert as string;
    const look = async (path: string, ...flags: string[]) => {
      const result = await made.json(["cert", "inspect", path, ...flags]);
      expect([result.code, schemaErrors(result.document)]).toEqual([0, []]);
      return result.document.gateway;
    };
    return { made, issue, look };
  }
  const codes = ({ reasons }: { reasons: { code: string }[] }) => reasons.map(({ code }) => code);

  test("a client is let in, and the policy sees who it is", async () => {
    const { issue, look } = await project();
    const { client, server } = await look(await issue("truck-1", "fleet-edge"));
    expect(client).toEqual({
      outcome: "accepted",
      reasons: [],
      policy: {
        roles: ["vehicle_agent"],
        spiffeId: "spiffe://fleet.internal/fleet-edge/truck-1",
        vehicle: "truck-1",
        denials: [],
      },
    });
    expect([server.outcome, codes(server)]).toEqual(["refused", ["extended-key-usage"]]);
  });

  test("a server is accepted as one, and is no client", async () => {
    const { issue, look } = await project();
    const { client, server } = await look(await issue("gateway", "gateway"));
    expect(server).toEqual({ outcome: "accepted", reasons: [] });
    expect([client.outcome, client.policy.denials]).toEqual([
      "refused",
      ["not_a_client_certificate", "no_role"],
    ]);
  });

  test("a revoked one is refused, and one of another CA; without CRLs in time it is not known", async () => {
    const { made, issue, look } = await project();
    const path = await issue("truck-1", "fleet-edge");
    expect((await look(path)).client.outcome).toBe("accepted");
    const later = { clock: { ...system.clock, now: () => Date.now() + 8 * DAY } };
    const longLived = await made.json(["cert", "inspect", path], later);
    expect(codes(longLived.document.gateway.client)).toContain("expired");
    await made.run(["cert", "revoke", "truck-1"]);
    expect(codes((await look(path)).client)).toEqual(["revoked"]);
    const other = await project();
    expect(codes((await look(await other.issue("truck-1", "fleet-edge"))).client)).toEqual(["no-path"]);
  });

  test("--ca and --crl stand in for the project's", async () => {
    const { made, issue, look } = await project();
    const path = await issue("truck-1", "fleet-edge");
    const ca = join(made.directory, ".fleetsec/ca/bundle.pem");
    const bundle = path.replace("cert.pem", "bundle.pem");
    expect((await look(bundle, "--ca", ca)).client.outcome).toBe("accepted");
    const elsewhere = scratch();
    writeFileSync(join(elsewhere, "crl.pem"), "");
    const { code } = await made.json([
      "cert",
      "inspect",
      bundle,
      "--ca",
      ca,
      "--crl",
      join(elsewhere, "crl.pem"),
    ]);
    expect(code).toBe(2);
    const outside = await runCli(["cert", "inspect", bundle, "--ca", ca, "--json"], { cwd: elsewhere });
    const { gateway } = JSON.parse(outside.stdout);
    expect(gateway.client).toEqual({ outcome: "accepted", reasons: [] });
    expect(
      JSON.parse((await runCli(["cert", "inspect", bundle, "--json"], { cwd: elsewhere })).stdout),
    ).not.toHaveProperty("gateway");
  });

  test("in text of 80 columns, with the reasons of a refusal and of a denial", async () => {
    const { made, issue } = await project();
    const texts: string[] = [];
    for (const [name, role] of [
      ["truck-1", "fleet-edge"],
      ["gateway", "gateway"],
    ] as const) {
      texts.push((await made.run(["cert", "inspect", await issue(name, role)])).stdout);
    }
    expect(texts[0]).toContain(
      "\nwhat a gateway would make of it\n  as a client  accepted\n    OPA sees   SPIFFE ID ",
    );
    expect(texts[0]).toContain("    OPA allows what the roles are granted\n  as a server  refused\n");
    expect(texts[1]).toContain("  as a client  refused\n               it is not meant for TLS clients");
    for (const line of texts.join("\n").split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("a project that cannot be read does not keep a certificate from being shown", async () => {
    const { made, issue } = await project();
    const path = await issue("truck-1", "fleet-edge");
    writeFileSync(join(made.directory, "fleetsec.yaml"), "version: 2\n");
    const { code, stdout, stderr } = await made.run(["cert", "inspect", path]);
    expect([code, stdout.includes("gateway")]).toEqual([0, false]);
    expect(stderr).toMatch(/^fleetsec: warning: what a gateway would make of it is not known: /);
  });
});
