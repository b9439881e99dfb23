import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { parseCertificate } from "../../src/pki/verify/certificate.ts";
import { attacks } from "../../src/probe/attacks.ts";
import { forgery } from "../../src/probe/identities/forgery.ts";
import { readIdentity } from "../../src/probe/identities/identity.ts";
import { probe } from "../../src/probe/run.ts";
import { testCa, testLeaf } from "./support/certificates.ts";
import {
  CHAINS,
  ESSENTIAL,
  FLIGHTS,
  FORGED,
  materialOf,
  NAMES,
  newWorld,
  onBoth,
  outside,
  probed,
  REQUESTS,
  requestFor,
  selected,
  strictServer,
  SUITES,
  UPGRADES,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { httpsServer } from "./support/servers.ts";
import { hello, isAuthorized } from "./support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const EVERY_FAMILY = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:rsa_pss_rsae_sha256:RSA+SHA256";
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

describe("https", () => {
  test("a server that demands certificates is enforced", async () => {
    const port = await httpsServer(strict(), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.reasons).toEqual([]);
    const refused = withOutcome(endpoint, "refused").filter((id) => !id.startsWith("renegotiation"));
    expect(refused).toEqual([
      ...onBoth("no-cert", ...FORGED, ...CHAINS, ...NAMES),
      ...onBoth(...REQUESTS, "other-alpn", "other-hello"),
      "h2c-upgrade@1.3",
      "h2c-upgrade@1.2",
      "h2c-upgrade",
      ...onBoth(...UPGRADES),
      ...FLIGHTS,
      ...SUITES,
      "plaintext",
    ]);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-eku"));
    expect(withOutcome(endpoint, "not-applicable")).toEqual([
      // one key family is listed, and a server that refuses in the handshake gives no sessions
      ...onBoth("public-ca", "weak-key", "resume-no-cert", "resume-after-reject", "resume-cross-host"),
      "early-data@1.3",
      ...onBoth("post-handshake"),
      "tls10",
      "tls11",
    ]);
    expect(withOutcome(endpoint, "not-run")).toEqual(
      onBoth("revoked", "sni-host-mismatch", "other-identity"),
    );
    expect(endpoint.control).toEqual([
      { tls: "1.3", outcome: "accepted", evidence: "HTTP 200" },
      { tls: "1.2", outcome: "accepted", evidence: "HTTP 200" },
    ]);
  });

  test("each forgery is made in every key family that the server lists", async () => {
    const port = await httpsServer(strict({ sigalgs: EVERY_FAMILY }), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    for (const { evidence } of endpoint.attacks.filter(({ id, tls }) => id === "wrong-ca" && tls !== null)) {
      expect(evidence).toContain("(p256, p384, p521, rsa, ed25519)");
    }
  });

  test("a server that only asks for certificates is bypassed by every attack", async () => {
    const port = await httpsServer(lax(), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual([
      ...onBoth("no-cert", ...FORGED, "no-eku", ...CHAINS),
      ...onBoth("resume-no-cert", "resume-after-reject", "resume-cross-host", ...NAMES),
      ...onBoth(...REQUESTS, "other-alpn", "other-hello", "h2c-upgrade"),
      "renegotiation@1.2",
      ...onBoth("fragmented-hello"),
    ]);
  });

  test("a server that never asks is bypassed, and says so", async () => {
    const port = await httpsServer(strict({ requestCert: false }), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
  });

  test("an application that answers 403 by itself is enforced", async () => {
    const port = await httpsServer(lax(), (request, response) => {
      response.statusCode = isAuthorized(request) ? 200 : 403;
      response.end(isAuthorized(request) ? "hello" : "no");
    });
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("enforced");
    const noCert = endpoint.attacks.find(({ id }) => id === "no-cert");
    expect(noCert).toMatchObject({ layer: "http", evidence: "HTTP 403; the control: HTTP 200" });
  });

  test("an application that asks merely for some certificate is bypassed by the forged ones", async () => {
    const port = await httpsServer(lax(), (request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      response.statusCode = peer.subject === undefined ? 403 : 200;
      response.end(`${response.statusCode}`);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      attacks: selected("no-cert", ...FORGED),
    });
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).not.toContain("no-cert@1.3");
    expect(withOutcome(endpoint, "accepted")).toEqual(
      expect.arrayContaining(onBoth("self-signed", "wrong-ca", "twin-ca")),
    );
  });

  test("an error page with status 200 counts as accepted, unless a canary tells it apart", async () => {
    const port = await httpsServer(lax(), (request, response) => {
      response.end(isAuthorized(request) ? "tour of the secret garden" : "please log in");
    });
    const url = `https://localhost:${port}/`;
    const without = await probed(world, url, { attacks: ESSENTIAL });
    expect(without.verdict).toBe("bypassed");
    const withCanary = await probed(world, url, { attacks: ESSENTIAL, canary: "secret garden" });
    expect(withCanary.verdict).toBe("enforced");
    const wrongCanary = await probed(world, url, { attacks: ESSENTIAL, canary: "no such text" });
    expect(wrongCanary.verdict).toBe("inconclusive");
  });

  test.each([
    [404, "other"],
    [401, "with a token missing"],
    [302, "a redirect"],
  ])("a control that gets %i from the application is good", async (status) => {
    const port = await httpsServer(strict(), (_request, response) => {
      response.writeHead(status, { location: "https://elsewhere.invalid/" }).end();
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.control[0]).toMatchObject({ outcome: "accepted", evidence: `HTTP ${status}` });
  });

  test.each([400, 403, 500, 503, 429])("a control that gets %i proves nothing", async (status) => {
    const port = await httpsServer(lax(), (_request, response) => {
      response.writeHead(status).end();
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("inconclusive");
    expect(endpoint.control.map(({ outcome }) => outcome)).not.toContain("accepted");
  });

  test("answers that differ each time are compared by what they have in common", async () => {
    let count = 0;
    const page = (text: string) => `${text} at ${(count += 1)}`;
    const port = await httpsServer(lax(), (request, response) => {
      response.writeHead(404).end(isAuthorized(request) ? page("no such tender") : page("no certificate"));
    });
    const strange = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(strange.verdict).toBe("inconclusive");
    const open = await httpsServer(
      lax(),
      (_request, response) => void response.writeHead(404).end(page("no such tender")),
    );
    const bypassed = await probed(world, `https://localhost:${open}/`, { attacks: ESSENTIAL });
    expect(bypassed.verdict).toBe("bypassed");
  });
});

describe("addresses", () => {
  const network = (addresses: readonly string[]) => ({
    ...outside,
    network: {
      ...outside.network,
      lookup: async () => addresses.map((address) => ({ address, family: 4 as const })),
    },
  });

  test("every address of a name is probed; one that refuses TCP is reported and no more", async () => {
    const port = await httpsServer(strict(), hello);
    const request = requestFor(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    const result = await probe(request, network(["127.0.0.1", "127.0.0.2"]), () => {});
    expect(result.endpoints.map(({ address, verdict }) => [address, verdict])).toEqual([
      ["127.0.0.1", "enforced"],
    ]);
    expect(result.unreachable).toEqual([
      { target: request.targets[0]?.url, address: "127.0.0.2", reason: "ECONNREFUSED" },
    ]);
    expect(result.ok).toBe(true);
  });

  test("where all of them refuse, nothing is established", async () => {
    const request = requestFor(world, "https://localhost:1/", { attacks: ESSENTIAL });
    const result = await probe(request, network(["127.0.0.1", "127.0.0.2"]), () => {});
    expect(result.summary).toEqual({ enforced: 0, bypassed: 0, inconclusive: 2 });
    expect(result.ok).toBe(false);
  });
});

describe("what the user supplies and selects", () => {
  test("an identity of the user's own stands in for the forgery", async () => {
    const port = await httpsServer(lax(), (request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      response.writeHead(peer.subject?.CN === "thief" || isAuthorized(request) ? 200 : 403).end();
    });
    const thief = await testLeaf(await testCa("Thieves"), { commonName: "thief", purpose: "client" });
    const names = { certificate: "thief.pem", key: "thief.key" };
    const supplied = new Map([["revoked", readIdentity(Buffer.from(thief.pem), thief.keyPem, names)]]);
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      supplied,
      attacks: selected("no-cert", ...FORGED, "revoked"),
    });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("revoked"));
  });

  test("the server's own CA is tried as a client's where it is another one", async () => {
    const serverCa = await testCa("Public CA");
    const server = await testLeaf(serverCa, { commonName: "server", purpose: "server" });
    const serverCas = [
      {
        certificate: parseCertificate(serverCa.der, "test CA"),
        signer: serverCa.signer,
        chain: [],
        path: [],
      },
    ];
    const material = { ...materialOf(world), ca: undefined, serverCas };
    const options = (ca: string[]) => strict({ cert: server.pem, key: server.keyPem, ca });
    const changes = {
      forgery: forgery(material),
      serverCa: [serverCa.pem],
      attacks: selected("no-cert", "self-signed", "wrong-ca", "public-ca"),
    };
    const wide = await httpsServer(options([world.root.pem, serverCa.pem]), hello);
    const bypassed = await probed(world, `https://localhost:${wide}/`, changes);
    expect(withOutcome(bypassed, "accepted")).toEqual(onBoth("public-ca"));
    const narrow = await httpsServer(options([world.root.pem]), hello);
    const enforced = await probed(world, `https://localhost:${narrow}/`, changes);
    expect(withOutcome(enforced, "refused")).toEqual(expect.arrayContaining(onBoth("public-ca")));
  });

  test("what is not selected is listed as not run, and is no part of the verdict", async () => {
    const port = await httpsServer(strict(), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: selected("expired") });
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "not-run")).toEqual(
      attacks.map(({ id }) => id).filter((id) => id !== "expired"),
    );
  });
});

test("attacks that are all unclear are doubts, and were run", async () => {
  const port = await httpsServer(lax(), (request, response) => {
    response.writeHead(isAuthorized(request) ? 200 : 503).end();
  });
  const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: selected("no-cert") });
  expect(endpoint.reasons).toEqual([
    expect.stringMatching(/^clients without a valid certificate on TLS 1\.3: HTTP 503/),
    expect.stringMatching(/^clients without a valid certificate on TLS 1\.2: HTTP 503/),
    "no-cert on TLS 1.3: HTTP 503",
    "no-cert on TLS 1.2: HTTP 503",
  ]);
});
