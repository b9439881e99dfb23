import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import type { ProbeResult } from "../../src/probe/result.ts";
import { testLeaf, type TestLeaf } from "../probe/support/certificates.ts";
import { newWorld, type World } from "../probe/support/probing.ts";
import { httpsServer, listening, tcpServer } from "../probe/support/servers.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

const schema = JSON.parse(
  readFileSync(new URL("../../docs/schema/probe.v1.json", import.meta.url), "utf8"),
) as object;
const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

const NAME = "gateway.fleet.internal";
let world: World;
/** For that name alone: neither for localhost nor for an address. */
let named: TestLeaf;
beforeAll(async () => {
  world = await newWorld();
  const names = [{ type: "dns" as const, value: NAME }];
  named = await testLeaf(world.ca, { commonName: "gateway", purpose: "server", chain: [world.ca], names });
});

/** Greets its clients; the names that they asked TLS for. */
async function gateway({ pem, keyPem }: TestLeaf, rejectUnauthorized = true) {
  const asked: unknown[] = [];
  const options = { cert: pem, key: keyPem, ca: [world.root.pem], sigalgs: "ecdsa_secp256r1_sha256" };
  const port = await httpsServer(
    {
      ...options,
      requestCert: true,
      rejectUnauthorized,
      SNICallback: (name, done) => {
        asked.push(name);
        done(null);
      },
    },
    (request, response) => response.end(`hello, ${(request.socket as TLSSocket).getProtocol()}`),
  );
  return { port, asked };
}

/** Runs the probe with three attacks and plaintext, unless others are named; its result. */
async function probing(args: readonly string[], config = "") {
  const directory = scratch();
  const put = (name: string, text: string) => writeFileSync(join(directory, name), text, { mode: 0o600 });
  put("root.pem", world.root.pem);
  put("client.pem", world.client.pem);
  put("client.key", world.client.keyPem);
  put("fleetsec.yaml", `version: 1\nname: acme\ndomain: fleet.internal\n${config}`);
  const identities = ["--server-ca", "root.pem", "--client-cert", "client.pem", "--client-key", "client.key"];
  const attacks = args.includes("--attack")
    ? []
    : ["--attack", "no-cert", "self-signed", "wrong-ca", "plaintext"];
  const { code, stdout, stderr } = await runCli(["probe", ...args, ...identities, ...attacks, "--json"], {
    cwd: directory,
  });
  const result = JSON.parse(stdout) as ProbeResult;
  const isError = (result as { readonly schema?: string }).schema === "fleetsec.error/v1";
  expect(isError || isValid(result) ? [] : isValid.errors).toEqual([]);
  return { code, result, stderr };
}

describe("probe --servername", () => {
  test("asks for that name and holds the server to it, in control and attacks alike", async () => {
    const { port, asked } = await gateway(named);
    const url = `https://127.0.0.1:${port}/`;
    const without = await probing([url]);
    expect([without.code, without.result.endpoints[0]?.verdict]).toEqual([3, "inconclusive"]);
    expect(asked).toEqual([]);
    const { code, result } = await probing([url, "--servername", "Gateway.fleet.internal"]);
    expect(result.endpoints[0]?.reasons).toEqual([]);
    expect(code).toBe(0);
    expect(result.endpoints[0]).toMatchObject({ target: url, address: "127.0.0.1", serverName: NAME });
    expect(new Set(asked)).toEqual(new Set([NAME]));
    expect(asked.length).toBeGreaterThanOrEqual(8);
  });

  test("a server of another name is not taken for the target", async () => {
    const { port } = await gateway(named);
    const args = [`https://127.0.0.1:${port}/`, "--servername", "other.fleet.internal"];
    const { code, result } = await probing(args);
    expect(code).toBe(3);
    expect(result.endpoints[0]?.control[0]?.evidence).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("may be for one target of several, and a name may be left out or misspelt all the same", async () => {
    const [one, other] = [await gateway(named), await gateway(world.server)];
    const { code, result } = await probing([
      `https://127.0.0.1:${one.port}/`,
      `https://localhost:${other.port}/`,
      "--servername",
      `127.0.0.1:${one.port}:${NAME}`,
      "--attack",
      "no-cert",
      "self-signed",
      "wrong-ca",
      "no-sni",
      "odd-sni",
    ]);
    expect(code).toBe(0);
    expect(result.endpoints.map(({ serverName }) => serverName)).toEqual([NAME, undefined]);
    expect(new Set(other.asked)).toEqual(new Set(["localhost", "LOCALHOST", "localhost."]));
    expect(new Set(one.asked)).toEqual(new Set([NAME, NAME.toUpperCase(), `${NAME}.`]));
  });

  test.each([
    [["--servername", "10.0.0.1"], "usage"],
    [["--servername", "a..b"], "usage"],
    [["--servername", ""], "usage"],
    [["--servername", "localhost:2:a.example"], "usage"],
    [["--servername", "a.example", "--servername", "b.example"], "usage"],
    [["--sibling-port", "0"], "usage"],
    [["--sibling-port", "70000"], "usage"],
    [["--sibling-port", "x"], "usage"],
    [["--sibling-port", "localhost:2:3"], "usage"],
    [["--resolve", "localhost:1"], "usage"],
    [["--resolve", "localhost:1:x.example"], "usage"],
  ])("%j is refused", async (flags, code) => {
    const refused = await probing(["https://localhost:1/", ...flags]);
    expect(refused.code).toBe(2);
    expect(refused.result).toMatchObject({ code });
  });
});

describe("probe --resolve", () => {
  test("names the address of a target and of a sibling port, in whatever case", async () => {
    const [main, sibling] = [await gateway(named), await gateway(named)];
    const url = (port: number) => `https://${NAME}:${port}/`;
    const { code, result } = await probing([
      url(main.port),
      "--sibling-port",
      String(sibling.port),
      "--resolve",
      `Gateway.Fleet.Internal:${main.port}:127.0.0.1`,
      "--resolve",
      `${NAME}:${sibling.port}:127.0.0.1`,
    ]);
    expect(code).toBe(0);
    expect(result.endpoints.map(({ target, address }) => [target, address])).toEqual([
      [url(main.port), "127.0.0.1"],
      [url(sibling.port), "127.0.0.1"],
    ]);
  });

  test.each(["other:1:127.0.0.1", "localhost:2:127.0.0.1", "localhost:3:127.0.0.1"])(
    "%s fits no target, and the intended address would not be probed",
    async (resolve) => {
      const documented = { openapi: "3.1.0", paths: { "/": { get: {} } } };
      const api = join(scratch(), "api.json");
      writeFileSync(api, JSON.stringify(documented));
      const targets = ["https://localhost:1/", "--openapi", api, "--base-url", "https://gateway.example:4"];
      const { code, result } = await probing([...targets, "--resolve", resolve]);
      expect(code).toBe(2);
      expect(result).toMatchObject({
        code: "usage",
        message: `no target is at ${resolve.replace(":127.0.0.1", "")}`,
        hint: "there is localhost:1, gateway.example:4",
      });
    },
  );
});

describe("probe --sibling-port", () => {
  test("a sibling that serves everybody is a bypass of its own", async () => {
    const [strict, lax] = [await gateway(world.server), await gateway(world.server, false)];
    const main = `https://localhost:${strict.port}/`;
    const { code, result } = await probing([main, "--sibling-port", String(lax.port)]);
    expect(code).toBe(1);
    expect(
      result.endpoints.map(({ target, siblingOf, verdict }) => ({ target, siblingOf, verdict })),
    ).toEqual([
      { target: main, siblingOf: undefined, verdict: "enforced" },
      { target: `https://localhost:${lax.port}/`, siblingOf: main, verdict: "bypassed" },
    ]);
  });

  test("a sibling that nobody listens at is reported, and does not count", async () => {
    const { port } = await gateway(world.server);
    const main = `https://127.0.0.1:${port}/`;
    const { code, result } = await probing([main, "--sibling-port", `127.0.0.1:${port}:1`]);
    expect(code).toBe(0);
    expect(result.endpoints.map(({ target }) => target)).toEqual([main]);
    expect(result.unreachable).toEqual([
      { target: "https://127.0.0.1:1/", address: "127.0.0.1", siblingOf: main, reason: "ECONNREFUSED" },
    ]);
  });

  test("a sibling without TLS is held to what the target serves", async () => {
    const { port } = await gateway(world.server);
    const plain = await listening(createServer((_request, response) => response.end("hello, you")));
    const main = `https://127.0.0.1:${port}/`;
    const { code, result } = await probing([main, "--sibling-port", String(plain)]);
    expect(code).toBe(1);
    const [, sibling] = result.endpoints;
    expect(sibling?.attacks.filter(({ outcome }) => outcome === "accepted").map(({ id }) => id)).toEqual([
      "plaintext",
    ]);
  });

  test("a sibling without TLS is named as such where it is not tried without", async () => {
    const { port } = await gateway(world.server);
    const plain = await listening(createServer((_request, response) => response.end("hello, you")));
    const siblings = ["--sibling-port", String(plain)];
    const { code, result } = await probing([
      `https://127.0.0.1:${port}/`,
      ...siblings,
      "--attack",
      "no-cert",
    ]);
    expect(code).toBe(3);
    expect(result.endpoints[0]?.verdict).toBe("enforced");
    expect(result.endpoints[1]?.reasons).toEqual([
      "the valid client on TLS 1.3: the port does not speak TLS",
      "the valid client on TLS 1.2: the port does not speak TLS",
      "no-cert on TLS 1.3: the port does not speak TLS",
      "no-cert on TLS 1.2: the port does not speak TLS",
      expect.stringContaining("select the attack plaintext"),
    ]);
  });

  test("a sibling that can neither be used nor be called empty is inconclusive", async () => {
    const { port } = await gateway(world.server);
    const silent = await tcpServer((socket) => socket.destroy());
    const args = [`https://127.0.0.1:${port}/`, "--sibling-port", String(silent)];
    const { code, result } = await probing(args);
    expect(code).toBe(3);
    expect(result.endpoints.map(({ verdict }) => verdict)).toEqual(["enforced", "inconclusive"]);
  });

  test("a port that is a target already is probed once, and as a target", async () => {
    const [one, two] = [await gateway(world.server), await gateway(world.server)];
    const urls = [one, two].map(({ port }) => `https://localhost:${port}/`);
    const siblings = ["--sibling-port", `${one.port},${two.port}`];
    const { code, result } = await probing([...urls, ...siblings]);
    expect(code).toBe(0);
    expect(result.endpoints.map(({ target, siblingOf }) => [target, siblingOf])).toEqual(
      urls.map((url) => [url, undefined]),
    );
  });
});

describe("probe.hosts", () => {
  test("addresses, server name and sibling ports of a HOST:PORT", async () => {
    const [main, sibling] = [await gateway(named), await gateway(named)];
    const { code, result } = await probing(
      [],
      `probe:
  targets: ["https://gateway.example:${main.port}/"]
  hosts:
    gateway.example:${main.port}:
      addresses: [127.0.0.1]
      server_name: ${NAME}
      sibling_ports: [${sibling.port}]
`,
    );
    expect(code).toBe(0);
    expect(result.endpoints).toMatchObject([
      { target: `https://gateway.example:${main.port}/`, address: "127.0.0.1", serverName: NAME },
      { target: `https://gateway.example:${sibling.port}/`, address: "127.0.0.1", serverName: NAME },
    ]);
    expect([main, sibling].map(({ asked }) => new Set(asked))).toEqual([new Set([NAME]), new Set([NAME])]);
  });

  test("an address may be a sibling port's own", async () => {
    const [main, sibling] = [await gateway(world.server), await gateway(world.server)];
    const { code, result } = await probing(
      [],
      `probe:
  targets: ["https://localhost:${main.port}/"]
  hosts:
    localhost:${main.port}: { sibling_ports: [${sibling.port}] }
    localhost:${sibling.port}: { addresses: [127.0.0.1] }
`,
    );
    expect(code).toBe(0);
    expect(result.endpoints).toMatchObject([{}, { target: `https://localhost:${sibling.port}/` }]);
  });

  test.each([
    ["a HOST:PORT that no target has", "localhost:2: { sibling_ports: [3] }"],
    ["the address of what no target has", "localhost:2: { addresses: [127.0.0.1] }"],
    ["the name of what no target has", "localhost:2: { server_name: a.example }"],
    ["no HOST:PORT", "localhost: { sibling_ports: [3] }"],
    ["a port that is none", "localhost:1: { sibling_ports: [0] }"],
    ["an address in place of a name", "localhost:1: { server_name: 10.0.0.1 }"],
    ["a name in place of an address", "localhost:1: { addresses: [gateway.example] }"],
  ])("%s is refused", async (_what, host) => {
    const config = `probe:\n  targets: ["https://localhost:1/"]\n  hosts:\n    ${host}\n`;
    const { code, result } = await probing([], config);
    expect(code).toBe(2);
    expect(result).toMatchObject({ code: "config" });
  });
});
