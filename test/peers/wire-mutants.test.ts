import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { wireAttacks, type WireAttempt } from "../../src/probe/wire/attacks.ts";
import type { WireIdentity, WireVersion } from "../../src/probe/wire/settings.ts";
import { testCa, testLeaf } from "../probe/support/certificates.ts";
import { client, drive, versions, wireIdentity } from "../probe/wire/drive.ts";
import { describeWithEngines } from "./engines.ts";
import { buildMutants, buildServer, type Mutant, MUTANT_VARIABLE, mutants } from "./go-mutants.ts";
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
};

describeWithEngines(["go"], "broken on purpose: Go's TLS server", ({ go }) => {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-mutants-"));
  const servers = new Map<Mutant | undefined, { readonly port: number; readonly process: EngineProcess }>();
  let identity: WireIdentity;

  beforeAll(async () => {
    const ca = await testCa("mutants' CA");
    const server = await testLeaf(ca, { commonName: "server", purpose: "server" });
    identity = wireIdentity(await testLeaf(ca, { commonName: "client", purpose: "client" }));
    const file = (name: string, text: string) => {
      writeFileSync(join(directory, name), text, { mode: 0o600 });
      return join(directory, name);
    };
    const pair = [file("cert.pem", server.pem), file("key.pem", server.keyPem)].join(",");
    const args = ["-pair", pair, "-ca", file("ca.pem", ca.pem)];
    const right = await buildServer(go.path, directory);
    const patched = await buildMutants(go.path, directory);
    const ports = await freePorts(mutants.length + 1);
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
    await Promise.all([...servers.values()].map(({ process }) => process.stop()));
    rmSync(directory, { recursive: true, force: true });
  });

  const portOf = (mutant: Mutant | undefined) => servers.get(mutant)?.port ?? 0;

  async function isServed(
    port: number,
    version: WireVersion,
    { script, presents, helloFragment }: WireAttempt,
  ) {
    const chosen = client(version, {
      script,
      identity: presents === "valid" ? identity : undefined,
      ...(helloFragment === undefined ? {} : { helloFragment }),
    });
    // one that only listens has nothing to wait for
    const ms = script.silent === true ? 300 : 3000;
    const { received, client: wire } = await drive(port, chosen, { request: "ping\n", settle: 50, ms });
    // refused it must be for its flight, not for want of it
    if (!wire.flightSent) throw new Error(`no flight was sent: ${wire.fault ?? wire.state}`);
    // a later flight counts only where it was asked for
    return received !== "" && (script.later === undefined || wire.answeredLater > 0);
  }

  async function accepted(port: number, version: WireVersion): Promise<string[]> {
    const found: string[] = [];
    for (const attack of wireAttacks.filter((each) => each.versions.includes(version))) {
      // Go takes no early data
      const attempts = attack.attempts.filter(({ resumes }) => resumes === undefined);
      const served = await Promise.all(attempts.map((attempt) => isServed(port, version, attempt)));
      if (served.includes(true)) found.push(attack.id);
    }
    return found;
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

  test.each(versions)("nothing is let pass by Go as it is: TLS %s", async (version) => {
    expect(await accepted(portOf(undefined), version)).toEqual([]);
  });

  const each = mutants.flatMap((mutant) => versions.map((version) => [mutant, version] as const));

  test.each(each)("%s is caught by its own attacks alone: TLS %s", async (mutant, version) => {
    expect(await accepted(portOf(mutant), version)).toEqual(caught[mutant][version]);
  });
});
