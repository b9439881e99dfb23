import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { basicConstraints } from "../../../src/pki/extensions.ts";
import type { Scene } from "../../../src/probe/attack.ts";
import { attackNamed } from "../../../src/probe/attacks.ts";
import { richClient, ROLE_TEXT, testCa, testLeaf } from "../support/certificates.ts";
import {
  forgeryFor,
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const SIGALGS = "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:RSA+SHA256";
const options = (changes: TlsOptions): TlsOptions => ({
  cert: world.server.pem,
  key: world.server.keyPem,
  ca: [world.root.pem],
  requestCert: true,
  sigalgs: SIGALGS,
  minVersion: "TLSv1.2",
  ...changes,
});

/** Forgives these errors of the verification. */
const forgiving = (...errors: readonly string[]) =>
  httpsServer(options({ rejectUnauthorized: false }), (request, response) => {
    const { authorized, authorizationError } = request.socket as TLSSocket;
    const forgiven = errors.includes(String(authorizationError));
    response.writeHead(authorized || forgiven ? 200 : 403).end("hello");
  });
const url = (port: number) => `https://localhost:${port}/`;

describe.concurrent("a chain that breaks the constraints of a CA in it", () => {
  const attacks = selected("no-cert", "path-length", "name-constraint");

  test.each([
    ["PATH_LENGTH_EXCEEDED", "path-length"],
    // node has no name of its own for a violated name constraint
    ["UNSPECIFIED", "name-constraint"],
  ])("%s is forgiven: %s is accepted", async (error, id) => {
    const endpoint = await probed(world, url(await forgiving(error)), { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth(id));
  });

  test("is refused by a server that forgives nothing", async () => {
    const port = await httpsServer(options({ rejectUnauthorized: true }), (_, to) => void to.end("hello"));
    const endpoint = await probed(world, url(port), { attacks });
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "path-length", "name-constraint"));
    const evidence = endpoint.attacks.filter(({ id, tls }) => id === "path-length" && tls !== null);
    expect(
      evidence.every((one) => one.evidence.includes("(p256, p384, p521, rsa)") || one.tls === "1.3"),
    ).toBe(true);
  });
});

describe.concurrent("a CA below a root that nobody knows", () => {
  const attacks = selected("no-cert", "self-signed", "wrong-ca", "twin-ca");
  let flat: World;
  beforeAll(async () => {
    const root = await testCa("Fleet Root CA");
    const leaf = async (name: "server" | "client") => testLeaf(root, { commonName: name, purpose: name });
    flat = { root, ca: root, server: await leaf("server"), client: await leaf("client") };
  });
  /** Forgives this error, where the issuer bears the CA's name if need be. */
  const forgivingIn = async (of: World, error: string, byName = false) =>
    httpsServer(
      {
        ...options({ rejectUnauthorized: false }),
        cert: of.server.pem,
        key: of.server.keyPem,
        ca: [of.root.pem],
      },
      (request, response) => {
        const socket = request.socket as TLSSocket;
        const hasError = String(socket.authorizationError) === error;
        const forgiven = hasError && (!byName || socket.getPeerCertificate().issuer.CN === "Fleet Root CA");
        response.writeHead(socket.authorized || forgiven ? 200 : 403).end("hello");
      },
    );

  test.each([
    ["", false, ["wrong-ca", "twin-ca"]],
    [", where the issuer has the CA's name", true, ["twin-ca"]],
  ])("is forgiven%s: accepted", async (_where, byName, ids) => {
    const port = await forgivingIn(flat, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", byName);
    const endpoint = await probed(flat, url(port), { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth(...ids));
  });

  test("is refused where no such error is forgiven", async () => {
    const endpoint = await probed(flat, url(await forgivingIn(flat, "CERT_HAS_EXPIRED")), { attacks });
    expect(endpoint.verdict).toBe("enforced");
  });
});

describe.concurrent("a verifier that makes an exception", () => {
  const attacks = selected("no-cert", "self-signed", "wrong-ca", "twin-ca");
  const excepting = (of: World, isExcepted: (socket: TLSSocket) => boolean) =>
    httpsServer(strictServer(of, { rejectUnauthorized: false }), (request, response) => {
      const socket = request.socket as TLSSocket;
      const isServed = socket.authorized || (isPresent(socket) && isExcepted(socket));
      response.writeHead(isServed ? 200 : 403).end("hello");
    });
  const leafOf = (socket: TLSSocket) => {
    // the chain is lost to Node once it was asked for an X509Certificate
    const { raw } = socket.getPeerCertificate() as { raw?: Buffer };
    return raw === undefined ? undefined : new X509Certificate(raw);
  };
  const isPresent = (socket: TLSSocket) => leafOf(socket) !== undefined;
  const statesPurpose = (socket: TLSSocket) => leafOf(socket)?.keyUsage !== undefined;
  const isOwnCa = (socket: TLSSocket) => {
    const leaf = leafOf(socket);
    return leaf?.ca === true && leaf.verify(leaf.publicKey);
  };
  const isLongerThan = (most: number) => (socket: TLSSocket) => {
    const chain: Partial<DetailedPeerCertificate>[] = [socket.getPeerCertificate(true)];
    for (const { issuerCertificate } of chain)
      if (issuerCertificate !== undefined && !chain.includes(issuerCertificate))
        chain.push(issuerCertificate);
    return chain.length > most;
  };

  test.each([
    ["for what states no purpose", (socket: TLSSocket) => !statesPurpose(socket), ["wrong-ca"]],
    ["for a CA that signed itself", isOwnCa, ["self-signed"]],
    ["for more than four certificates", isLongerThan(4), ["wrong-ca", "twin-ca"]],
    ["for more than ten certificates", isLongerThan(10), ["wrong-ca", "twin-ca"]],
  ])("%s is found", async (_exception, isExcepted, ids) => {
    const endpoint = await probed(world, url(await excepting(world, isExcepted)), { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth(...ids));
  });

  test("for what states a purpose is found, where valid clients' state none", async () => {
    const { ca } = world;
    const extensions = () => [basicConstraints({ ca: false })];
    const client = await testLeaf(ca, { commonName: "client", purpose: "client", chain: [ca], extensions });
    const endpoint = await probed({ ...world, client }, url(await excepting(world, statesPurpose)), {
      attacks,
    });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("wrong-ca"));
  });

  test("for nobody is not", async () => {
    const endpoint = await probed(world, url(await excepting(world, () => false)), { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });
});

describe.concurrent("a service that knows its clients by the serial number", () => {
  const attacks = selected("no-cert", "self-signed", "wrong-ca", "twin-ca", "leaf-as-ca");
  const bySerial = (rejectUnauthorized: boolean, ofCa = false) =>
    httpsServer(options({ rejectUnauthorized }), (request, response) => {
      const { serialNumber, issuer } = (request.socket as TLSSocket).getPeerCertificate();
      const valid = new X509Certificate(world.client.der);
      const isKnown = serialNumber === valid.serialNumber && (!ofCa || issuer.CN === "Fleet Issuing CA");
      response.writeHead(isKnown ? 200 : 403).end("hello");
    });

  test.each([
    ["alone", false, ["self-signed", "wrong-ca", "twin-ca", "leaf-as-ca"]],
    ["and the CA's name", true, ["twin-ca"]],
  ])("%s, and verifies nothing, is bypassed", async (_what, ofCa, ids) => {
    const endpoint = await probed(world, url(await bySerial(false, ofCa)), { attacks });
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted").toSorted()).toEqual(onBoth(...ids).toSorted());
  });

  test("and verifies them is not", async () => {
    const endpoint = await probed(world, url(await bySerial(true)), { attacks });
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });
});

test.concurrent("self-signed: each family alone, and one with a valid client's certificate after it", async () => {
  const of = forgeryFor(world);
  const plan = await attackNamed("self-signed").plan({
    forgery: of,
    families: ["rsa", "p256"],
  } as unknown as Scene);
  const attempts = "attempts" in plan ? plan.attempts : [];
  expect(attempts.map(({ kind, family }) => [kind, family])).toEqual([
    ["", "rsa"],
    ["", "p256"],
    ["a valid client's after it", "rsa"],
    ["a CA itself", "rsa"],
    ["the clients' CA after it", "rsa"],
  ]);
  const [alone, , followed, , before] = attempts.map(
    ({ identity }) => identity?.chain.map(({ der }) => der) ?? [],
  );
  expect(alone).toHaveLength(1);
  const isClients = (der: Uint8Array) => Buffer.compare(der, world.client.der) === 0;
  expect(followed?.map(isClients)).toEqual([false, true]);
  expect(before?.slice(1)).toEqual([world.ca.der, world.root.der].map((der) => Uint8Array.from(der)));
});

describe.concurrent("a service that looks for the clients' CA by names alone", () => {
  const attacks = selected("no-cert", "self-signed", "wrong-ca", "twin-ca");
  /** Node links certificates by their names and key identifiers; what it trusts itself it finds by these as well. */
  const leadsToCa = (socket: TLSSocket) => {
    const { fingerprint256 } = new X509Certificate(world.ca.der);
    const { issuerCertificate } = socket.getPeerCertificate(true) as Partial<DetailedPeerCertificate>;
    return issuerCertificate?.fingerprint256 === fingerprint256;
  };
  const walking = (isPermitted: (socket: TLSSocket) => boolean, ca: readonly string[]) =>
    httpsServer(options({ rejectUnauthorized: false, ca: [...ca] }), (request, response) => {
      const socket = request.socket as TLSSocket;
      response.writeHead(leadsToCa(socket) && isPermitted(socket) ? 200 : 403).end("hello");
    });

  // it hears of the wrong signature with its next read, and hangs up then
  test("is bypassed by who sends that CA's own after a forged one in its name, and asks at once", async () => {
    const endpoint = await probed(world, url(await walking(() => true, [])), { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(["twin-ca@1.3"]);
    const [found] = endpoint.attacks.filter(({ outcome }) => outcome === "accepted");
    expect(found?.evidence).toContain("the real CA after it");
  });

  test("and verifies them too, is not", async () => {
    const port = await walking(({ authorized }) => authorized, [world.root.pem]);
    const endpoint = await probed(world, url(port), { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });
});

describe.concurrent("a service that knows its clients by an extension of its own", () => {
  const attacks = selected(
    "no-cert",
    "self-signed",
    "wrong-ca",
    "twin-ca",
    "expired",
    "not-yet-valid",
    "server-auth-only",
  );
  const hasRole = ({ raw }: { raw?: Buffer }) => raw?.includes(ROLE_TEXT) === true;
  const byRole = (isPermitted: (socket: TLSSocket) => boolean) =>
    httpsServer(options({ rejectUnauthorized: false }), (request, response) => {
      const socket = request.socket as TLSSocket;
      const isKnown = hasRole(socket.getPeerCertificate()) && isPermitted(socket);
      response.writeHead(isKnown ? 200 : 403).end("hello");
    });
  let rich: World;
  beforeAll(async () => {
    rich = { ...world, client: await richClient(world.ca, world.root) };
  });
  const probedRich = async (port: number) => probed(rich, url(port), { attacks });

  test("and verifies nothing, is bypassed by whoever copies it", async () => {
    const endpoint = await probedRich(await byRole(() => true));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth(...attacks.slice(1).map(({ id }) => id)));
  });

  test.each([
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed"],
    ["CERT_HAS_EXPIRED", "expired"],
    ["CERT_NOT_YET_VALID", "not-yet-valid"],
    ["INVALID_PURPOSE", "server-auth-only"],
  ])("%s is forgiven: %s is accepted, and no other", async (error, id) => {
    const forgives = ({ authorized, authorizationError }: TLSSocket) =>
      authorized || String(authorizationError) === error;
    const endpoint = await probedRich(await byRole(forgives));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth(id));
  });

  test("and verifies them too, is not", async () => {
    const endpoint = await probedRich(await byRole(({ authorized }) => authorized));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });
});

describe.concurrent("weak algorithms of the right CA", () => {
  const attacks = selected("no-cert", "weak-key", "sha1-signature");
  const server = (level: number) =>
    httpsServer(options({ rejectUnauthorized: true, ciphers: `DEFAULT@SECLEVEL=${level}` }), (_, to) => {
      to.end("hello");
    });

  test("are reported where they are accepted, and fail nothing", async () => {
    const endpoint = await probed(world, url(await server(0)), { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("weak-key", "sha1-signature"));
    expect(endpoint.verdict).toBe("enforced");
  });

  test("fail where the user says that they must be refused", async () => {
    const required = attacks.map((attack) => ({ ...attack, weight: "required" as const }));
    const endpoint = await probed(world, url(await server(0)), { attacks: required });
    expect(endpoint.verdict).toBe("bypassed");
  });

  test("are refused by a server that asks for 112 bits", async () => {
    const endpoint = await probed(world, url(await server(2)), { attacks });
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "weak-key", "sha1-signature"));
  });

  test("a server that takes no RSA keys is not asked for one", async () => {
    const port = await httpsServer(
      options({ rejectUnauthorized: true, sigalgs: "ecdsa_secp256r1_sha256", maxVersion: "TLSv1.3" }),
      (_, to) => void to.end("hello"),
    );
    const endpoint = await probed(world, url(port), { attacks: selected("no-cert", "weak-key") });
    expect(withOutcome(endpoint, "not-applicable")).toContain("weak-key@1.3");
  });
});
