import { connect } from "node:net";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { testLeaf } from "./support/certificates.ts";
import {
  ESSENTIAL,
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { httpsServer, tcpServer } from "./support/servers.ts";
import { hello, isAuthorized } from "./support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

describe("TLS versions", () => {
  test.each([
    ["TLSv1.2", "1.2", "1.3"],
    ["TLSv1.3", "1.3", "1.2"],
  ] as const)("a server of %s only is judged by it", async (version, offered, other) => {
    const port = await httpsServer(strict({ minVersion: version, maxVersion: version }), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.control.find(({ tls }) => tls === other)?.outcome).toBe("refused");
    expect(withOutcome(endpoint, "refused")).toContain(`no-cert@${offered}`);
    expect(withOutcome(endpoint, "not-applicable")).toContain(`no-cert@${other}`);
  });

  test("lax on one version only is bypassed on that version", async () => {
    const options = lax({ minVersion: "TLSv1.2", maxVersion: "TLSv1.3" });
    const port = await httpsServer(options, (request, response) => {
      const old = (request.socket as TLSSocket).getProtocol() === "TLSv1.2";
      response.statusCode = old || isAuthorized(request) ? 200 : 403;
      response.end();
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(["no-cert@1.2", "self-signed@1.2", "wrong-ca@1.2"]);
  });

  test.each([
    [404, "inconclusive", "inconclusive"],
    [302, "inconclusive", "inconclusive"],
    [403, "not-applicable", "enforced"],
  ] as const)(
    "a version on which valid clients get 403 and others %i: %s",
    async (status, outcome, verdict) => {
      const inner = await httpsServer(lax(), (request, response) => {
        const old = (request.socket as TLSSocket).getProtocol() === "TLSv1.2";
        if (isAuthorized(request)) response.writeHead(old ? 403 : 200).end();
        else response.writeHead(old ? status : 403, { location: "/dashboard" }).end();
      });
      const endpoint = await probed(world, `https://localhost:${inner}/`, { attacks: ESSENTIAL });
      expect(endpoint.verdict).toBe(verdict);
      expect(withOutcome(endpoint, "refused")).toEqual(["no-cert@1.3", "self-signed@1.3", "wrong-ca@1.3"]);
      expect(withOutcome(endpoint, outcome)).toEqual(
        expect.arrayContaining(["no-cert@1.2", "self-signed@1.2", "wrong-ca@1.2"]),
      );
    },
  );

  /** Closes the first `count` connections that offer no TLS 1.3; passes the others on. */
  const closingOnTls12 = async (inner: number, count: number) => {
    const closed = { count: 0 };
    const port = await tcpServer((socket) =>
      socket.once("data", (first) => {
        // supported_versions of a client that offers TLS 1.3 alone
        if (!first.includes(Buffer.from("002b0003020304", "hex")) && closed.count < count) {
          closed.count += 1;
          socket.end();
          return;
        }
        const through = connect(inner, "127.0.0.1");
        through.on("error", () => {});
        through.write(first);
        socket.pipe(through).pipe(socket);
      }),
    );
    return { port, closed };
  };

  test("one close at a ClientHello does not mean that the version is not offered", async () => {
    const inner = await httpsServer(lax(), (request, response) => {
      const old = (request.socket as TLSSocket).getProtocol() === "TLSv1.2";
      response.writeHead(old || isAuthorized(request) ? 200 : 403).end();
    });
    const { port, closed } = await closingOnTls12(inner, 1);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(closed.count).toBe(1);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(["no-cert@1.2", "self-signed@1.2", "wrong-ca@1.2"]);
  });

  test("a close at every ClientHello does", async () => {
    const { port, closed } = await closingOnTls12(await httpsServer(strict(), hello), 1000);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(closed.count).toBe(4);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "not-applicable")).toContain("no-cert@1.2");
  });

  test("TLS 1.0 without a certificate is found where it is served, and is no failure where it is refused", async () => {
    const old = { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    const open = await httpsServer(lax(old), (request, response) => {
      const retired = (request.socket as TLSSocket).getProtocol() === "TLSv1";
      response.statusCode = retired || isAuthorized(request) ? 200 : 403;
      response.end();
    });
    const request = { attacks: selected("no-cert", "self-signed", "wrong-ca", "tls10", "tls11") };
    const bypassed = await probed(world, `https://localhost:${open}/`, request);
    expect(withOutcome(bypassed, "accepted")).toEqual(["tls10"]);
    expect(bypassed.verdict).toBe("bypassed");
    const closed = await httpsServer(strict(old), hello);
    const enforced = await probed(world, `https://localhost:${closed}/`, request);
    expect(withOutcome(enforced, "refused")).toEqual(expect.arrayContaining(["tls10", "tls11"]));
    expect(enforced.verdict).toBe("enforced");
  });

  test("RSA-only client signatures: the control is issued again, and forgeries are made in RSA", async () => {
    const server = await testLeaf(world.ca, {
      commonName: "server",
      purpose: "server",
      chain: [world.ca],
      keyType: "rsa2048",
    });
    const sigalgs = "rsa_pss_rsae_sha256:RSA+SHA256";
    const options = { cert: server.pem, key: server.keyPem, sigalgs };
    const strictPort = await httpsServer(strict(options), hello);
    const enforced = await probed(world, `https://localhost:${strictPort}/`, { attacks: ESSENTIAL });
    expect(enforced.verdict).toBe("enforced");
    expect(enforced.attacks.find(({ id }) => id === "self-signed")?.evidence).toContain("(rsa)");
    const laxPort = await httpsServer(lax(options), (request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      response.writeHead(peer.subject === undefined ? 403 : 200).end();
    });
    const bypassed = await probed(world, `https://localhost:${laxPort}/`, { attacks: ESSENTIAL });
    expect(withOutcome(bypassed, "accepted")).toEqual(onBoth("self-signed", "wrong-ca"));
  });
});
