// @module-tag long
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EndpointResult } from "../../src/probe/result.ts";
import type { WireIdentity, WireVersion } from "../../src/probe/wire/settings.ts";
import { testCa, testLeaf } from "../probe/support/certificates.ts";
import { withOutcome } from "../probe/support/probing.ts";
import { client, drive, versions, wireIdentity } from "../probe/wire/drive.ts";
import { runCli } from "../support/cli.ts";
import { describeWithEngines } from "./engines.ts";
import {
  buildMutants,
  buildServer,
  type Mutant,
  MUTANT_VARIABLE,
  mutants,
  SPEAKS_EARLY,
} from "./go-mutants.ts";
import { type EngineProcess, freePorts, startProcess } from "./process.ts";

/** What each mutant lets pass, and nothing else. */
const caught: Readonly<Record<Mutant, Readonly<Record<WireVersion, readonly string[]>>>> = {
  "skip-certificate": { "1.3": ["skip-certificate"], "1.2": ["skip-certificate"] },
  "skip-verify": { "1.3": ["skip-certificate-verify"], "1.2": ["skip-certificate-verify"] },
  "any-signature": {
    "1.3": ["stolen-certificate", "bad-verify", "verify-replayed", "verify-wrong-context"],
    // with TLS 1.2 Go leaves it to the signature's check that the scheme fits the key
    "1.2": ["stolen-certificate", "bad-verify", "verify-algorithm-mismatch", "verify-replayed"],
  },
  "any-finished": { "1.3": ["bad-finished"], "1.2": ["bad-finished"] },
  "any-order": {
    "1.3": [
      "certificate-verify-only",
      "empty-certificate-with-verify",
      "two-certificates",
      "empty-then-real",
    ],
    "1.2": [],
  },
  "data-in-handshake": { "1.3": ["data-before-finished"], "1.2": ["data-before-finished"] },
  "data-in-new-keys": { "1.3": ["data-before-finished"], "1.2": ["data-before-finished"] },
  "data-of-nobody": { "1.3": ["data-before-finished"], "1.2": ["data-before-finished"] },
};

/** Which client of \`data-before-finished\` is the one that is served. */
const servedClient: Readonly<Partial<Record<Mutant, string>>> = {
  "data-in-handshake": "under the handshake's keys",
  "data-in-new-keys": "under the new keys",
  "data-of-nobody": "without a certificate",
};

describeWithEngines(["go"], "broken on purpose: Go's TLS server", ({ go }) => {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-mutants-"));
  const servers = new Map<Mutant | undefined, { readonly port: number; readonly process: EngineProcess }>();
  const command = ["probe", "--json", "--server-ca", "ca.pem", "--client-cert", "client.pem"];
  command.push("--client-key", "client.key", "--skip", "resume-cross-host");
  let identity: WireIdentity;
  let early: { readonly port: number; readonly process: EngineProcess };

  beforeAll(async () => {
    const ca = await testCa("mutants' CA");
    const server = await testLeaf(ca, { commonName: "server", purpose: "server" });
    const valid = await testLeaf(ca, { commonName: "client", purpose: "client" });
    identity = wireIdentity(valid);
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text, { mode: 0o600 });
      return join(directory, name);
    };
    const pair = [file("cert.pem", server.pem), file("key.pem", server.keyPem)].join(",");
    const args = ["-pair", pair, "-ca", file("ca.pem", ca.pem)];
    file("client.pem", valid.pem);
    file("client.key", valid.keyPem);
    const right = await buildServer(go.path, directory);
    const patched = await buildMutants(go.path, directory);
    const [earlyPort = 0, ...ports] = await freePorts(mutants.length + 2);
    early = {
      port: earlyPort,
      process: await startProcess(patched, [...args, "-listen", `127.0.0.1:${earlyPort}`], {
        cwd: directory,
        port: earlyPort,
        env: { [MUTANT_VARIABLE]: SPEAKS_EARLY },
      }),
    };
    for (const [i, mutant] of [undefined, ...mutants].entries()) {
      const port = ports[i] ?? 0;
      const env = mutant === undefined ? {} : { [MUTANT_VARIABLE]: mutant };
      const program = mutant === undefined ? right : patched;
      const listen = [...args, "-listen", `127.0.0.1:${port}`];
      servers.set(mutant, {
        port,
        process: await startProcess(program, listen, { cwd: directory, port, env }),
      });
    }
  }, 300_000);

  afterAll(async () => {
    await Promise.all([early, ...servers.values()].map(({ process }) => process.stop()));
    rmSync(directory, { recursive: true, force: true });
  });

  const portOf = (mutant: Mutant | undefined) => servers.get(mutant)?.port ?? 0;

  /** What `fleetsec probe` finds, by port: `id` of the attacks that were accepted, by version. */
  async function found(): Promise<ReadonlyMap<number, EndpointResult>> {
    const targets = [...servers.values()].map(({ port }) => `tls://127.0.0.1:${port}`);
    const { stdout, code, stderr } = await runCli([...command, ...targets], { cwd: directory });
    expect([code, stderr]).toEqual([1, ""]);
    const { endpoints } = JSON.parse(stdout) as { endpoints: EndpointResult[] };
    return new Map(endpoints.map((endpoint) => [Number(new URL(endpoint.target).port), endpoint]));
  }

  test.each([undefined, ...mutants])(
    "a valid client is served, and one without a certificate is not: %s",
    async (mutant) => {
      for (const version of versions) {
        const served = await drive(portOf(mutant), client(version, { identity }), { request: "ping\n" });
        expect(served.received).toBe("client: ping\n");
        const refused = await drive(portOf(mutant), client(version), { request: "ping\n" });
        expect([refused.received, refused.seen.alerts.at(-1)?.from]).toEqual(["", "server"]);
      }
    },
  );

  test("the probe finds each mutant by its own attacks alone, and nothing in Go as it is", async () => {
    const endpoints = await found();
    const right = endpoints.get(portOf(undefined));
    expect([right?.verdict, right?.reasons, right && accepted(right)]).toEqual(["enforced", [], []]);
    for (const mutant of mutants) {
      const endpoint = endpoints.get(portOf(mutant));
      if (endpoint === undefined) throw new Error(mutant);
      expect([mutant, endpoint.verdict, accepted(endpoint)]).toEqual([
        mutant,
        "bypassed",
        versions.flatMap((version) => caught[mutant][version].map((id) => `${id}@${version}`)).sort(),
      ]);
      expect(withOutcome(endpoint, "inconclusive")).toEqual([]);
      const by = servedClient[mutant] ?? "";
      expect(endpoint.reasons.filter((reason) => !reason.includes(by))).toEqual([]);
    }
  }, 180_000);

  test("whoever listens only is told what the server says before it knows the client, in TLS 1.3", async () => {
    const listening = ["--attack", "no-cert", "listen-only"];
    const { stdout, code } = await runCli([...command, `tls://127.0.0.1:${early.port}`, ...listening], {
      cwd: directory,
    });
    const { endpoints } = JSON.parse(stdout) as { endpoints: EndpointResult[] };
    const [endpoint] = endpoints;
    expect([code, endpoint?.verdict, endpoint && accepted(endpoint)]).toEqual([
      1,
      "bypassed",
      ["listen-only@1.3", "no-cert@1.3"],
    ]);
  });
});

const accepted = (endpoint: EndpointResult) => withOutcome(endpoint, "accepted").sort();
