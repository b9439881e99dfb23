import { readFileSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import type { ProbeResult } from "../../src/probe/result.ts";
import { httpsServer } from "../probe/support/servers.ts";
import { testProject } from "../support/project.ts";

/** What a service makes of the roles in a certificate, for a path. */
type Policy = (roles: readonly string[], path: string) => number;

/** A project with a dev CA, and a service that decides by the roles that its certificates carry. */
async function serving(policy: Policy) {
  const project = testProject();
  const { directory } = project;
  const env = { FLEETSEC_PASSPHRASE: "a passphrase for the test" };
  expect((await project.run(["ca", "init", "--insecure-dev-key"], { env })).code).toBe(0);
  const issue = ["cert", "issue", "gateway", "--role", "gateway", "--san", "dns:localhost"];
  expect((await project.run(issue, { env })).code).toBe(0);
  const read = (path: string) => readFileSync(join(directory, ".fleetsec", path));
  const onRequest: RequestListener = (request, response) => {
    const { OU } = (request.socket as TLSSocket).getPeerCertificate().subject as { OU?: string | string[] };
    response.statusCode = policy([OU ?? []].flat(), request.url ?? "");
    response.end(`${response.statusCode}`);
  };
  const port = await httpsServer(
    {
      cert: read("certs/gateway/current/bundle.pem"),
      key: read("certs/gateway/current/key.pem"),
      ca: read("ca/bundle.pem"),
      sigalgs: "ecdsa_secp256r1_sha256",
      requestCert: true,
      rejectUnauthorized: true,
    },
    onRequest,
  );
  const config = join(directory, "fleetsec.yaml");
  const expectOf = (lines: string) => {
    const url = `https://localhost:${port}/v1/eu/tenders`;
    const text = readFileSync(config, "utf8").replace(
      / {2}targets: .*\n/,
      `  expectations:\n    - target: ${url}\n${lines}`,
    );
    writeFileSync(config, text);
  };
  const probe = async () => {
    const { stdout } = await project.run(["probe", "--json", "--attack", "no-cert", "other-identity"], {
      env,
    });
    const result = JSON.parse(stdout) as ProbeResult;
    const [endpoint] = result.endpoints;
    const results = endpoint?.attacks.filter(({ id, tls }) => id === "other-identity" && tls === "1.3") ?? [];
    return { verdict: endpoint?.verdict, ...results[0] };
  };
  return { ...project, config, expectOf, probe };
}

const BOTH = "      allowed: [tms-connector]\n      denied: [fleet-edge]\n";
const dispatchers: Policy = (roles) => (roles.includes("carrier_dispatch") ? 200 : 403);

describe("probe.expectations", () => {
  test("a service that tells roles apart is enforced", async () => {
    const { expectOf, probe } = await serving(dispatchers);
    expectOf(BOTH);
    expect(await probe()).toMatchObject({
      verdict: "enforced",
      outcome: "refused",
      evidence: "served, as it is to be (tms-connector); HTTP 403; the control: HTTP 200 (fleet-edge)",
    });
  });

  test("so is one that hides what is not for them", async () => {
    const { expectOf, probe } = await serving((roles) => (roles.includes("carrier_dispatch") ? 200 : 404));
    expectOf(BOTH);
    expect(await probe()).toMatchObject({ verdict: "enforced", outcome: "refused" });
  });

  test("one that serves every certificate is bypassed", async () => {
    const { expectOf, probe } = await serving(() => 200);
    expectOf(BOTH);
    const found = await probe();
    expect(found).toMatchObject({ verdict: "bypassed", outcome: "accepted" });
    // what each kind of server is told to read is there in the probe's own certificates, as `dispatchers` reads it
    for (const line of found.fix?.split("\n") ?? []) expect(line).toMatch(/OU\b|OrganizationalUnit/);
    expect(found.fix?.split("\n")).toHaveLength(5);
  });

  test("one that turns away whom it must serve proves nothing", async () => {
    const { expectOf, probe } = await serving((roles) => (roles.length > 1 ? 200 : 403));
    expectOf(BOTH);
    const found = await probe();
    expect(found).toMatchObject({ verdict: "inconclusive", outcome: "inconclusive" });
    expect(found.evidence).toContain("is to be served: HTTP 403");
  });

  test("one that serves nobody proves nothing", async () => {
    const { expectOf, probe } = await serving(() => 403);
    expectOf("      denied: [fleet-edge]\n");
    expect(await probe()).toMatchObject({ verdict: "inconclusive" });
  });

  test("without a CA that could issue them, they are doubts and not left out", async () => {
    const { config, expectOf, probe } = await serving(dispatchers);
    expectOf(BOTH);
    const env = { FLEETSEC_PASSPHRASE: "a passphrase for the test" };
    // the valid client is of another CA than the roles' certificates
    const other = testProject();
    await other.run(["ca", "init", "--insecure-dev-key"], { env });
    await other.run(["cert", "issue", "tms", "--role", "tms-connector"], { env });
    const at = join(other.directory, ".fleetsec/certs/tms/current");
    const text = readFileSync(config, "utf8");
    writeFileSync(
      config,
      text.replace("probe:\n", `probe:\n  client_cert: ${at}/bundle.pem\n  client_key: ${at}/key.pem\n`),
    );
    expect(await probe()).toMatchObject({
      verdict: "inconclusive",
      outcome: "inconclusive",
      evidence: "there is no certificate of tms-connector from the CA that issued the valid client",
    });
  });

  test.each([
    ["a role that is none", "      denied: [fleet-egde]\n"],
    ["a role of servers", "      denied: [gateway]\n"],
    ["a role that is both", "      allowed: [fleet-edge]\n      denied: [fleet-edge]\n"],
  ])("%s is an error of the configuration", async (_what, lines) => {
    const project = testProject((config) =>
      config.replace(/ {2}targets: .*\n/, `  expectations:\n    - target: https://localhost:1/\n${lines}`),
    );
    expect((await project.attempt(["probe"])).code).toBe("config");
  });
});
