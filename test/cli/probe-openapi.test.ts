import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import type { ProbeResult } from "../../src/probe/result.ts";
import { newWorld, type World } from "../probe/support/probing.ts";
import { httpsServer } from "../probe/support/servers.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

const schema = JSON.parse(
  readFileSync(new URL("../../docs/schema/probe.v1.json", import.meta.url), "utf8"),
) as object;
const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const API = `openapi: 3.1.0
paths:
  /healthz: {get: {}}
  /v1/{region}/tenders:
    parameters: [{name: region, in: path, schema: {enum: [eu, us]}}]
    get: {}
    post: {}
`;

/** A project with an API, and a server that serves it; what it was asked. */
async function project() {
  const directory = scratch();
  const put = (name: string, text: string) => writeFileSync(join(directory, name), text, { mode: 0o600 });
  put("api.yaml", API);
  put("root.pem", world.root.pem);
  put("client.pem", world.client.pem);
  put("client.key", world.client.keyPem);
  const asked = new Set<string>();
  const { pem: cert, keyPem: key } = world.server;
  const port = await httpsServer(
    {
      cert,
      key,
      ca: [world.root.pem],
      sigalgs: "ecdsa_secp256r1_sha256",
      requestCert: true,
      rejectUnauthorized: true,
    },
    ({ method, url }, response) => {
      asked.add(`${method} ${url}`);
      response.end("hello");
    },
  );
  return { directory, put, asked, base: `https://localhost:${port}` };
}

/** Where in SARIF the results are of which nothing is established. */
function openLocations(sarif: string): unknown[] {
  const { runs } = JSON.parse(sarif) as { runs: { results: { kind: string; locations: unknown[] }[] }[] };
  return runs.flatMap(({ results }) =>
    results.filter(({ kind }) => kind === "open").flatMap((one) => one.locations),
  );
}

const IDENTITIES = ["--server-ca", "root.pem", "--client-cert", "client.pem", "--client-key", "client.key"];
const NO_CERT = ["--attack", "no-cert"];

describe("probe --openapi", () => {
  test("an operation that was to be probed and cannot be asked leaves the run unestablished", async () => {
    const { directory, put, base } = await project();
    const paths = { "/healthz": { get: {} }, "/v1/a b": { get: {} } };
    put("odd.json", JSON.stringify({ openapi: "3.0.3", info: {}, paths }));
    const args = ["probe", "--openapi", "odd.json", "--base-url", base, ...IDENTITIES, ...NO_CERT];
    const run = await runCli([...args, "--json"], { cwd: directory });
    const result = JSON.parse(run.stdout) as ProbeResult;
    expect(isValid(result)).toBe(true);
    expect([run.code, result.ok, result.summary.enforced]).toEqual([3, false, 1]);
    const reason = "its path has characters that a URL cannot hold";
    expect(result.leftOut).toEqual([{ target: `GET ${base}/v1/a b`, reason, wanted: true }]);
    const reports = ["junit=j.xml", "html=p.html", "sarif=s.json"].flatMap((one) => ["--report", one]);
    const text = await runCli([...args, ...reports, "--quiet"], { cwd: directory });
    expect(text.code).toBe(3);
    expect(text.stdout).toMatch(/^1 endpoint: 1 enforced; not established: 1 operation not asked$/m);
    expect(text.stdout.replaceAll(/\n\s*/g, " ")).toContain(`? not probed: GET ${base}/v1/a b: ${reason}`);
    expect(readFileSync(join(directory, "j.xml"), "utf8")).toContain(reason);
    expect(readFileSync(join(directory, "p.html"), "utf8")).toContain("Operations that could not be asked");
    const [location] = openLocations(readFileSync(join(directory, "s.json"), "utf8"));
    const artifactLocation = { uri: `localhost/${base.split(":").at(-1)}/v1/a%20b` };
    expect(location).toMatchObject({
      physicalLocation: { artifactLocation, region: { startLine: 1 } },
      logicalLocations: [{ fullyQualifiedName: `GET ${base}/v1/a b` }],
    });
    // without it, the same is proved
    put("odd.json", JSON.stringify({ openapi: "3.0.3", info: {}, paths: { "/healthz": { get: {} } } }));
    expect((await runCli(args, { cwd: directory })).code).toBe(0);
  });

  test("a reference that leads in a circle leaves out its operation alone, and is named", async () => {
    const { directory, put, base } = await project();
    const parameters = [{ $ref: "#/components/parameters/P" }];
    const components = { parameters: { P: { $ref: "#/components/parameters/P" } } };
    const document = (...healthy: [string, object][]) => {
      const paths = { ...Object.fromEntries(healthy), "/v1": { get: { parameters } } };
      put("odd.json", JSON.stringify({ openapi: "3.0.3", info: {}, paths, components }));
    };
    const args = ["probe", "--openapi", "odd.json", "--base-url", base, ...IDENTITIES, ...NO_CERT];
    const reason = "the reference #/components/parameters/P leads in a circle";
    document(["/healthz", { get: {} }]);
    const run = await runCli([...args, "--json"], { cwd: directory });
    const result = JSON.parse(run.stdout) as ProbeResult;
    expect([run.code, result.summary.enforced]).toEqual([3, 1]);
    expect(result.leftOut).toEqual([{ target: `GET ${base}/v1`, reason, wanted: true }]);
    document();
    const none = await runCli(args, { cwd: directory });
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining(`GET ${base}/v1: ${reason}`)]);
  });

  test("probes every operation that changes nothing, and names the others", async () => {
    const { directory, asked, base } = await project();
    const args = ["probe", "--openapi", "api.yaml", "--base-url", base, ...IDENTITIES, ...NO_CERT];
    const run = await runCli([...args, "--json"], { cwd: directory });
    const result = JSON.parse(run.stdout) as ProbeResult;
    expect(isValid(result)).toBe(true);
    expect(result.endpoints.map(({ target }) => target)).toEqual([
      `${base}/healthz`,
      `${base}/v1/eu/tenders`,
    ]);
    expect(result.leftOut).toEqual([
      {
        target: `POST ${base}/v1/{region}/tenders`,
        reason: "POST may change something (--allow-unsafe-methods)",
      },
    ]);
    expect([...asked].sort()).toEqual(["GET /healthz", "GET /v1/eu/tenders"]);
    const text = await runCli(args, { cwd: directory });
    expect(text.stdout.replaceAll(/\n\s*/g, " ")).toContain(`not probed: POST ${base}/v1/{region}/tenders`);
  });

  test("asks with all methods where that is allowed", async () => {
    const { directory, asked, base } = await project();
    const args = ["probe", "--openapi", "api.yaml", "--base-url", base, "--allow-unsafe-methods"];
    await runCli([...args, ...IDENTITIES, ...NO_CERT], { cwd: directory });
    expect([...asked].sort()).toEqual(["GET /healthz", "GET /v1/eu/tenders", "POST /v1/eu/tenders"]);
  });

  test("stands in the configuration too", async () => {
    const { directory, put, base } = await project();
    put(
      "fleetsec.yaml",
      `version: 1
name: acme
domain: fleet.internal
probe:
  targets: ["${base}/healthz"]
  openapi: [{file: api.yaml, base_url: "${base}"}]
  server_ca: root.pem
  client_cert: client.pem
  client_key: client.key
`,
    );
    const run = await runCli(["probe", ...NO_CERT, "--json"], { cwd: directory });
    const { endpoints } = JSON.parse(run.stdout) as ProbeResult;
    expect(endpoints.map(({ target }) => target)).toEqual([`${base}/healthz`, `${base}/v1/eu/tenders`]);
    const named = await runCli(["probe", `${base}/other`, ...NO_CERT, "--json"], { cwd: directory });
    expect((JSON.parse(named.stdout) as ProbeResult).endpoints.map(({ target }) => target)).toEqual([
      `${base}/other`,
    ]);
  });

  test.each([
    ["a document without a base", ["--openapi", "api.yaml"]],
    ["a base without a document", ["--base-url", "https://localhost:1"]],
    ["a base over MQTT", ["--openapi", "api.yaml", "--base-url", "mqtts://localhost:1"]],
    ["a document that is none", ["--openapi", "root.pem", "--base-url", "https://localhost:1"]],
    ["a method that may change something", ["POST https://localhost:1/"]],
  ])("%s is an error, before anything is probed", async (_what, args) => {
    const { directory } = await project();
    expect((await runCli(["probe", ...args, ...IDENTITIES], { cwd: directory })).code).toBe(2);
  });
});

describe("probe --allow-unsafe-methods", () => {
  test.each([
    ["tries POST as a stranger", ["--allow-unsafe-methods"], 1, true],
    ["left out, tries none of the kind", [], 0, false],
  ])("%s", async (_what, flags, code, isTried) => {
    const { directory } = await project();
    const asked = new Set<string>();
    const { pem: cert, keyPem: key } = world.server;
    const tls = { cert, key, ca: [world.root.pem], requestCert: true, rejectUnauthorized: false };
    const port = await httpsServer(
      { ...tls, sigalgs: "ecdsa_secp256r1_sha256", maxVersion: "TLSv1.2" },
      ({ method, socket }, response) => {
        const { authorized } = socket as TLSSocket;
        asked.add(`${method} ${authorized ? "known" : "stranger"}`);
        response.writeHead(authorized || method === "POST" ? 200 : 403).end("hello");
      },
    );
    const attacks = ["no-cert", "self-signed", "wrong-ca", "path-tricks"].flatMap((id) => ["--attack", id]);
    const args = ["probe", `https://localhost:${port}/`, ...IDENTITIES, ...attacks, ...flags];
    const resolved = ["--resolve", `localhost:${port}:127.0.0.1`];
    expect((await runCli([...args, ...resolved], { cwd: directory })).code).toBe(code);
    expect([asked.has("POST stranger"), asked.has("POST known")]).toEqual([isTried, false]);
    expect(asked.has("HEAD stranger")).toBe(true);
  });
});
