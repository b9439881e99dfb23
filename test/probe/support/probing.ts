import type { TlsOptions } from "node:tls";
import { randomBytes } from "node:crypto";
import type { Platform } from "../../../src/platform/platform.ts";
import { systemPlatform } from "../../../src/platform/system.ts";
import { parseCertificate } from "../../../src/pki/verify/certificate.ts";
import { attackNamed, attacks } from "../../../src/probe/attacks.ts";
import type { Outside } from "../../../src/probe/client.ts";
import { type Forgery, forgery, type ForgeryMaterial } from "../../../src/probe/identities/forgery.ts";
import type { SigningCa } from "../../../src/probe/identities/issuer.ts";
import { readIdentity } from "../../../src/probe/identities/identity.ts";
import type { EndpointResult, ProbeResult } from "../../../src/probe/result.ts";
import { probe, type ProbeRequest } from "../../../src/probe/run.ts";
import { parseTarget } from "../../../src/probe/target.ts";
import { wireAttacks } from "../../../src/probe/wire/attacks.ts";
import { patientClock } from "../../support/patient-clock.ts";
import { type TestCa, testCa, type TestLeaf, testLeaf } from "./certificates.ts";

const { network, clock, random, threads } = systemPlatform(new AbortController().signal);
export const outside: Outside & Pick<Platform, "threads"> = {
  network,
  clock: patientClock(clock),
  random,
  signal: new AbortController().signal,
  // those run what is built, and have tests of their own
  threads: { ...threads, available: 1 },
};

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

/**
 * A server that demands certificates. One key family is listed unless told otherwise: the others cost
 * connections, and have tests of their own.
 */
export const strictServer = (world: World, changes: TlsOptions = {}): TlsOptions => ({
  cert: world.server.pem,
  key: world.server.keyPem,
  ca: [world.root.pem],
  requestCert: true,
  rejectUnauthorized: true,
  sigalgs: "ecdsa_secp256r1_sha256",
  ...changes,
});

/**
 * One that lets everybody in: its application decides. It speaks TLS 1.3 alone: what is said in HTTP is the same on
 * both versions, takes as long on each, and is tried on both by the whole battery (run.test.ts).
 */
export const openServer = (world: World): TlsOptions =>
  strictServer(world, { rejectUnauthorized: false, minVersion: "TLSv1.3" });

export function signing(
  ca: TestCa,
  chain: readonly TestCa[] = [ca],
  path: readonly TestCa[] = chain,
): SigningCa {
  return {
    certificate: parseCertificate(ca.der, "test CA"),
    signer: ca.signer,
    chain: chain.map(({ der }) => der),
    path: path.map(({ der }) => der),
  };
}

/** Forgeries are made once: keys of RSA take their time. */
const forgeries = new WeakMap<World, Forgery>();

export function forgeryFor(of: World): Forgery {
  const made = forgeries.get(of) ?? forgery(materialOf(of));
  forgeries.set(of, made);
  return made;
}

/** Everything is at hand, as with a dev CA. */
export function materialOf({ root, ca, client }: World): ForgeryMaterial {
  const names = { certificate: "client", key: "key" };
  return {
    client: readIdentity(Buffer.from(client.pem), client.keyPem, names),
    reissue: async (family) => {
      const keyType = family === "rsa" ? "rsa2048" : family;
      const leaf = await testLeaf(ca, { commonName: "client", purpose: "client", chain: [ca], keyType });
      return readIdentity(Buffer.from(leaf.pem), leaf.keyPem, names);
    },
    ca: signing(ca, [ca], [ca, root]),
    serverCas: [],
    random: randomBytes,
    now: Date.now(),
  };
}

export function requestFor(of: World, url: string, changes: Partial<ProbeRequest> = {}): ProbeRequest {
  return {
    targets: [parseTarget(url)],
    elsewhere: [],
    leftOut: [],
    version: "1.2.3",
    certificates: [],
    attacks,
    forgery: forgeryFor(of),
    supplied: new Map(),
    serverCa: [of.root.pem],
    addresses: new Map(),
    canary: undefined,
    timeout: undefined,
    concurrency: 8,
    delay: 0,
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

/** The attacks whose certificates no server should accept. */
export const FORGED = [
  "self-signed",
  "wrong-ca",
  "twin-ca",
  "leaf-as-ca",
  "expired",
  "not-yet-valid",
  "server-auth-only",
];

/** What else a strict server refuses in every run, in the order of the battery. */
export const CHAINS = ["path-length", "name-constraint", "sha1-signature"];
/** What is said in HTTP, where a service decides for itself whom it serves. */
export const REQUESTS = ["header-spoof", "path-tricks", "second-request", "authority-switch"];
/** What is said before TLS. */
export const UPGRADES = ["starttls", "upgrade-tls"];
export const NAMES = ["no-sni", "unknown-sni", "odd-sni"];
/** Those attacks on TLS 1.3, as `withOutcome` names them. */
export const on13 = (...ids: string[]) => ids.map((id) => `${id}@1.3`);
/** Those attacks on both versions, as `withOutcome` names them. */
export const onBoth = (...ids: string[]) => ids.flatMap((id) => [`${id}@1.3`, `${id}@1.2`]);

export const SUITES = [
  ...["weak-ciphers", "anonymous-suites", "null-suites"].map((id) => `${id}@1.2`),
  ...onBoth("psk-suites"),
];

/** Attacks of the raw client, as `withOutcome` names them, that a strict server refuses by itself. */
export const FLIGHTS = wireAttacks
  .filter(({ flight }) => flight.decides === "flight")
  .flatMap(({ id, versions }) => versions.map((version) => `${id}@${version}`));

/** Those attacks of the battery. */
export const selected = (...ids: string[]) => ids.map(attackNamed);

/** Enough to tell a strict server from a lax one. */
export const ESSENTIAL = selected("no-cert", "self-signed", "wrong-ca");

/** `id@version` of the attacks with that outcome. */
export function withOutcome(endpoint: EndpointResult, outcome: string): string[] {
  return endpoint.attacks
    .filter((attack) => attack.outcome === outcome)
    .map(({ id, tls }) => (tls === null ? id : `${id}@${tls}`));
}

/** What is told of that attack, on the first version on which it was run. */
export const evidenceOf = (endpoint: EndpointResult, wanted: string): string | undefined =>
  endpoint.attacks.find(({ id, outcome }) => id === wanted && outcome !== "not-run")?.evidence;
