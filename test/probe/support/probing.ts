import { randomBytes } from "node:crypto";
import { systemPlatform } from "../../../src/platform/system.ts";
import { parseCertificate } from "../../../src/pki/verify/certificate.ts";
import { attacks } from "../../../src/probe/attacks.ts";
import type { Outside } from "../../../src/probe/client.ts";
import { forgery, type SigningCa } from "../../../src/probe/identities/forgery.ts";
import { readIdentity } from "../../../src/probe/identities/identity.ts";
import type { EndpointResult, ProbeResult } from "../../../src/probe/result.ts";
import { probe, type ProbeRequest } from "../../../src/probe/run.ts";
import { parseTarget } from "../../../src/probe/target.ts";
import { type TestCa, testCa, type TestLeaf, testLeaf } from "./certificates.ts";

const { network, clock } = systemPlatform(new AbortController().signal);
export const outside: Outside = { network, clock, signal: new AbortController().signal };

/** A root, an intermediate, a server's and a client's certificate. */
export interface World {
  readonly root: TestCa;
  readonly ca: TestCa;
  readonly server: TestLeaf;
  readonly client: TestLeaf;
}

export async function newWorld(): Promise<World> {
  const root = await testCa("Fleet Root CA");
  const ca = await testCa("Fleet Issuing CA", root);
  return {
    root,
    ca,
    server: await testLeaf(ca, { commonName: "server", purpose: "server", chain: [ca] }),
    client: await testLeaf(ca, { commonName: "client", purpose: "client", chain: [ca] }),
  };
}

export function signing(ca: TestCa, chain: readonly TestCa[] = [ca]): SigningCa {
  return {
    certificate: parseCertificate(ca.der, "test CA"),
    signer: ca.signer,
    chain: chain.map(({ der }) => der),
  };
}

/** A request with everything at hand, as with a dev CA. */
export function requestFor(world: World, url: string, changes: Partial<ProbeRequest> = {}): ProbeRequest {
  const { pem, keyPem } = world.client;
  return {
    targets: [parseTarget(url)],
    attacks,
    forgery: forgery({
      client: readIdentity(Buffer.from(pem), keyPem, { certificate: "client", key: "key" }),
      reissue: async (family) => {
        const keyType = family === "rsa" ? "rsa2048" : family;
        const leaf = await testLeaf(world.ca, {
          commonName: "client",
          purpose: "client",
          chain: [world.ca],
          keyType,
        });
        return readIdentity(Buffer.from(leaf.pem), leaf.keyPem, { certificate: "client", key: "key" });
      },
      ca: signing(world.ca),
      serverCas: [],
      random: randomBytes,
      now: Date.now(),
    }),
    supplied: new Map(),
    serverCa: [world.root.pem],
    canary: undefined,
    timeout: undefined,
    concurrency: 8,
    ...changes,
  };
}

export async function probed(
  world: World,
  url: string,
  changes: Partial<ProbeRequest> = {},
): Promise<EndpointResult & { readonly result: ProbeResult }> {
  const result = await probe(requestFor(world, url, changes), outside, () => {});
  const [endpoint] = result.endpoints;
  if (endpoint === undefined) throw new Error("no endpoint");
  return { ...endpoint, result };
}

/** `id@version` of the attacks with that outcome. */
export function withOutcome(endpoint: EndpointResult, outcome: string): string[] {
  return endpoint.attacks
    .filter((attack) => attack.outcome === outcome)
    .map(({ id, tls }) => (tls === null ? id : `${id}@${tls}`));
}
