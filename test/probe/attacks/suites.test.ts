import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { type TestLeaf, testLeaf } from "../support/certificates.ts";
import {
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";
import { hello, isAuthorized } from "../support/services.ts";

let world: World;
let rsa: TestLeaf;
beforeAll(async () => {
  world = await newWorld();
  const { ca } = world;
  rsa = await testLeaf(ca, { commonName: "server", purpose: "server", chain: [ca], keyType: "rsa2048" });
});

const SUITES = ["weak-ciphers", "anonymous-suites", "null-suites", "psk-suites"];

/** Serves valid clients, and others over a suite of that name. */
async function serving(ciphers: string, name: RegExp, changes: TlsOptions = {}): Promise<number> {
  const options: TlsOptions = {
    cert: rsa.pem,
    key: rsa.keyPem,
    ca: [world.root.pem],
    requestCert: true,
    rejectUnauthorized: false,
    sigalgs: "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:RSA+SHA256",
    maxVersion: "TLSv1.2",
    ciphers: `ECDHE+AESGCM:${ciphers}@SECLEVEL=0`,
    ...changes,
  };
  return httpsServer(options, (request, response) => {
    const socket = request.socket as TLSSocket;
    const served = socket.authorized || name.test(socket.getCipher().name);
    response.writeHead(served ? 200 : 403).end("hello");
  });
}

const keyed = (key: string) => ({ pskCallback: () => Buffer.from(key, "hex"), pskIdentityHint: "hint" });

test.concurrent.each<[string, string, TlsOptions, TlsOptions]>([
  ["weak-ciphers", "AES128-SHA:", {}, {}],
  ["anonymous-suites", "AECDH-AES128-SHA:", {}, {}],
  ["null-suites", "ECDHE-RSA-NULL-SHA:", {}, {}],
  ["psk-suites", "PSK-AES128-GCM-SHA256:", keyed("1a2b3c4d"), keyed("5e6f7a8b")],
])("%s", async (id, ciphers, known, secret) => {
  const attacks = selected("no-cert", ...SUITES);
  const lax = await serving(ciphers, /^(AES|AECDH|PSK|.*NULL)/, known);
  const bypassed = await probed(world, `https://localhost:${lax}/`, { attacks });
  expect(withOutcome(bypassed, "accepted")).toEqual([`${id}@1.2`]);
  // spoken, but nobody without a certificate is served over it
  const strict = await serving(ciphers, /none/, secret);
  const enforced = await probed(world, `https://localhost:${strict}/`, { attacks });
  expect(enforced.reasons).toEqual([]);
  expect(enforced.verdict).toBe("enforced");
  expect(withOutcome(enforced, "refused")).toContain(`${id}@1.2`);
});

test.concurrent("a server that speaks none of them refuses them in the handshake", async () => {
  const port = await serving("", /none/);
  const endpoint = await probed(world, `https://localhost:${port}/`, {
    attacks: selected("no-cert", ...SUITES),
  });
  expect(endpoint.verdict).toBe("enforced");
  expect(withOutcome(endpoint, "refused")).toEqual(["no-cert", ...SUITES].map((id) => `${id}@1.2`));
});

describe.concurrent.each(["1.2", "1.3"] as const)("a pre-shared key over TLS %s", (version) => {
  /** Says another thing to who has the key than to who has a certificate; a status page would. */
  const knowing = (key: string, serves: boolean) => {
    const withKey = new WeakSet<object>();
    return httpsServer(
      strictServer(world, {
        sigalgs: undefined,
        minVersion: `TLSv${version}`,
        maxVersion: `TLSv${version}`,
        ciphers: "TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:PSK-AES128-GCM-SHA256:@SECLEVEL=0",
        rejectUnauthorized: false,
        pskIdentityHint: "hint",
        pskCallback: (socket, identity) => {
          if (identity !== "Client_identity") return null;
          withKey.add(socket);
          return Buffer.from(key, "hex");
        },
      }),
      (request, response) => {
        // with a key, Node calls the connection authorized
        const valid = isAuthorized(request);
        response.writeHead(valid || (serves && withKey.has(request.socket)) ? 200 : 403);
        response.end(valid ? "hello, valid client" : `somebody with a key or without`);
      },
    );
  };
  const probing = async (port: number) =>
    probed(world, `https://localhost:${port}/`, { attacks: selected("no-cert", "psk-suites") });

  test.each([
    ["that is known and served is a bypass, whatever is said", "1a2b3c4d", true, ["psk-suites"]],
    ["of zeros too", "00".repeat(16), true, version === "1.3" ? ["psk-suites"] : []],
    ["that is secret is none", "5e6f7a8b", true, []],
    ["that is known and not served is none", "1a2b3c4d", false, []],
  ])("%s", async (_what, key, serves, found) => {
    const endpoint = await probing(await knowing(key, serves));
    expect(withOutcome(endpoint, "accepted")).toEqual(found.map((id) => `${id}@${version}`));
    expect(endpoint.verdict).toBe(found.length > 0 ? "bypassed" : "enforced");
  });

  test("that is not taken, where everybody is served, is not what let anybody in", async () => {
    const port = await httpsServer(strictServer(world, { rejectUnauthorized: false }), hello);
    const endpoint = await probing(port);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert"));
  });
});
