import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { parseCertificate } from "../../src/pki/verify/certificate.ts";
import { attacks } from "../../src/probe/attacks.ts";
import { forgery } from "../../src/probe/identities/forgery.ts";
import { readIdentity } from "../../src/probe/identities/identity.ts";
import { probe } from "../../src/probe/run.ts";
import { parseTarget } from "../../src/probe/target.ts";
import { type TestCa, testCa, testLeaf } from "./support/certificates.ts";
import {
  materialOf,
  newWorld,
  outside,
  probed,
  requestFor,
  selected,
  strictServer,
  withOutcome,
  type World,
  CHAINS,
  FLIGHTS,
  FORGED,
  NAMES,
  REQUESTS,
  UPGRADES,
  onBoth,
  SUITES,
} from "./support/probing.ts";
import { httpsServer, tcpServer, tlsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const EVERY_FAMILY = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:rsa_pss_rsae_sha256:RSA+SHA256";
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

const hello = (_request: IncomingMessage, response: ServerResponse) => void response.end("hello");
/** After a session without a certificate was resumed, `authorized` alone is true as well. */
const isAuthorized = (request: IncomingMessage) => {
  const socket = request.socket as TLSSocket;
  return socket.authorized && (socket.getPeerCertificate().raw as Buffer | undefined) !== undefined;
};
const ESSENTIAL = () => selected("no-cert", "self-signed", "wrong-ca");

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
      ...onBoth("public-ca", "weak-key", "resume-no-cert", "resume-after-reject"),
      "early-data@1.3",
      ...onBoth("post-handshake"),
      "tls10",
      "tls11",
    ]);
    expect(withOutcome(endpoint, "not-run")).toEqual(
      onBoth("revoked", "resume-cross-host", "sni-host-mismatch", "other-identity"),
    );
    expect(endpoint.control).toEqual([
      { tls: "1.3", outcome: "accepted", evidence: "HTTP 200" },
      { tls: "1.2", outcome: "accepted", evidence: "HTTP 200" },
    ]);
  });

  test("each forgery is made in every key family that the server lists", async () => {
    const port = await httpsServer(strict({ sigalgs: EVERY_FAMILY }), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    for (const { evidence } of endpoint.attacks.filter(({ id, tls }) => id === "wrong-ca" && tls !== null)) {
      expect(evidence).toContain("(p256, p384, p521, rsa, ed25519)");
    }
  });

  test("a server that only asks for certificates is bypassed by every attack", async () => {
    const port = await httpsServer(lax(), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual([
      ...onBoth("no-cert", ...FORGED, "no-eku", ...CHAINS, "resume-no-cert", "resume-after-reject", ...NAMES),
      ...onBoth(...REQUESTS, "other-alpn", "other-hello", "h2c-upgrade"),
      "renegotiation@1.2",
      ...onBoth("fragmented-hello"),
    ]);
  });

  test("a server that never asks is bypassed, and says so", async () => {
    const port = await httpsServer(strict({ requestCert: false }), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
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
    const endpoint = await probed(world, `https://localhost:${port}/`);
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
    const without = await probed(world, url, { attacks: ESSENTIAL() });
    expect(without.verdict).toBe("bypassed");
    const withCanary = await probed(world, url, { attacks: ESSENTIAL(), canary: "secret garden" });
    expect(withCanary.verdict).toBe("enforced");
    const wrongCanary = await probed(world, url, { attacks: ESSENTIAL(), canary: "no such text" });
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
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.control[0]).toMatchObject({ outcome: "accepted", evidence: `HTTP ${status}` });
  });

  test.each([400, 403, 500, 503, 429])("a control that gets %i proves nothing", async (status) => {
    const port = await httpsServer(lax(), (_request, response) => {
      response.writeHead(status).end();
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(endpoint.verdict).toBe("inconclusive");
    expect(endpoint.control.map(({ outcome }) => outcome)).not.toContain("accepted");
  });

  test("answers that differ each time are compared by what they have in common", async () => {
    let count = 0;
    const page = (text: string) => `${text} at ${(count += 1)}`;
    const port = await httpsServer(lax(), (request, response) => {
      response.writeHead(404).end(isAuthorized(request) ? page("no such tender") : page("no certificate"));
    });
    const strange = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(strange.verdict).toBe("inconclusive");
    const open = await httpsServer(
      lax(),
      (_request, response) => void response.writeHead(404).end(page("no such tender")),
    );
    const bypassed = await probed(world, `https://localhost:${open}/`, { attacks: ESSENTIAL() });
    expect(bypassed.verdict).toBe("bypassed");
  });
});

describe("an answer that our HTTP parser rejects", () => {
  const secret = "positions of the fleet";
  const tail = `Content-Length: ${secret.length}\r\nConnection: close\r\n\r\n${secret}`;
  const serving = (strange: string, end: (socket: TLSSocket) => void) => (socket: TLSSocket) =>
    socket.once("data", () => {
      if (socket.authorized) socket.end(`HTTP/1.1 200 OK\r\n${tail}`);
      else socket.write(strange, () => end(socket));
    });
  const fin = (socket: TLSSocket) => void socket.end();

  test.each<[string, string]>([
    ["line feeds only", `HTTP/1.1 200 OK\r\n${tail}`.replaceAll("\r", "")],
    ["a head of 17 KB", `HTTP/1.1 200 OK\r\nX-Pad: ${"a".repeat(17_000)}\r\n${tail}`],
    ["an odd status line", `HTTP/1.1  200 OK\r\n${tail}`],
    ["HTTP/0.9", secret],
    ["a truncated head", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n"],
  ])("%s, then a close, is no refusal", async (_name, strange) => {
    const port = await tlsServer(lax(), serving(strange, fin));
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(endpoint.verdict).toBe("inconclusive");
    expect(endpoint.control.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
    expect(withOutcome(endpoint, "inconclusive")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
    expect(endpoint.reasons[0]).toContain(`${strange.length} bytes that are no answer`);
  });

  test("nor is one that a reset follows", async () => {
    let resets = 0;
    const port = await tlsServer(
      lax(),
      serving(secret, (socket) => void setTimeout(() => socket.destroy(), 20)),
    );
    const front = await tcpServer((socket) => {
      const through = connect(port, "127.0.0.1");
      for (const one of [socket, through]) one.on("error", () => {});
      socket.pipe(through, { end: false });
      through.pipe(socket, { end: false });
      through.on("end", () => {
        resets += 1;
        socket.resetAndDestroy();
      });
    });
    const endpoint = await probed(world, `https://localhost:${front}/`, { attacks: selected("no-cert") });
    expect(resets).toBeGreaterThan(0);
    expect(withOutcome(endpoint, "refused")).toEqual([]);
    expect(endpoint.verdict).toBe("inconclusive");
  });
});

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
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
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
      const endpoint = await probed(world, `https://localhost:${inner}/`, { attacks: ESSENTIAL() });
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
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(closed.count).toBe(1);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(["no-cert@1.2", "self-signed@1.2", "wrong-ca@1.2"]);
  });

  test("a close at every ClientHello does", async () => {
    const { port, closed } = await closingOnTls12(await httpsServer(strict(), hello), 1000);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
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
    const enforced = await probed(world, `https://localhost:${strictPort}/`, { attacks: ESSENTIAL() });
    expect(enforced.verdict).toBe("enforced");
    expect(enforced.attacks.find(({ id }) => id === "self-signed")?.evidence).toContain("(rsa)");
    const laxPort = await httpsServer(lax(options), (request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      response.writeHead(peer.subject === undefined ? 403 : 200).end();
    });
    const bypassed = await probed(world, `https://localhost:${laxPort}/`, { attacks: ESSENTIAL() });
    expect(withOutcome(bypassed, "accepted")).toEqual(onBoth("self-signed", "wrong-ca"));
  });
});

describe("tls", () => {
  const onData = (socket: TLSSocket) => socket.on("data", () => {});
  const number = () => Buffer.from(outside.random(8)).toString("hex");
  test.each([
    ["speaks first", (socket: TLSSocket) => socket.write("220 fleet gateway\r\n")],
    ["echoes", (socket: TLSSocket) => socket.pipe(socket)],
    ["stays silent", onData],
    [
      "greets with a number that differs",
      (socket: TLSSocket) => socket.write(`${number()} fleet gateway\r\n`),
    ],
    ["hangs up on a line", (socket: TLSSocket) => socket.once("data", () => socket.destroy())],
  ] as const)("a service that %s", async (_name, serve) => {
    // one version: silence takes its time
    const version = { minVersion: "TLSv1.3" } as const;
    const request = { attacks: selected("no-cert", "self-signed", "wrong-ca", "plaintext") };
    const [strictPort, laxPort] = await Promise.all([
      tlsServer(strict(version), serve),
      tlsServer(lax(version), serve),
    ]);
    const [enforced, bypassed] = await Promise.all([
      probed(world, `tls://localhost:${strictPort}`, request),
      probed(world, `tls://localhost:${laxPort}`, request),
    ]);
    expect(enforced.verdict).toBe("enforced");
    expect(bypassed.verdict).toBe("bypassed");
    expect(withOutcome(bypassed, "accepted")).toEqual(["no-cert@1.3", "self-signed@1.3", "wrong-ca@1.3"]);
    expect(withOutcome(bypassed, "refused")).toEqual(["plaintext"]);
  });

  test("a valid client that is greeted first and gets an error afterwards proves nothing", async () => {
    let greeted = 0;
    const port = await tlsServer(lax({ minVersion: "TLSv1.3" }), (socket) => {
      if (!socket.authorized) {
        socket.destroy();
        return;
      }
      greeted += 1;
      socket.end(greeted === 1 ? "WELCOME to the fleet\r\n" : "ERR backend down\r\n");
    });
    const endpoint = await probed(world, `tls://localhost:${port}`, { attacks: ESSENTIAL() });
    expect(greeted).toBe(2);
    expect(endpoint.verdict).toBe("inconclusive");
    expect(withOutcome(endpoint, "refused")).toEqual([]);
    expect(endpoint.control[0]).toMatchObject({ tls: "1.3", outcome: "inconclusive" });
  });

  test("a service that tells others something else, and hangs up on them alone, is strict", async () => {
    const saying = (hangUp: boolean) =>
      tlsServer(lax({ minVersion: "TLSv1.3" }), (socket) => {
        if (socket.authorized) return socket.write("OK welcome\r\n");
        socket.write("ERR no certificate: hang up\r\n");
        return hangUp ? socket.end() : onData(socket);
      });
    const request = { attacks: ESSENTIAL() };
    const enforced = await probed(world, `tls://localhost:${await saying(true)}`, request);
    expect(enforced.verdict).toBe("enforced");
    const unclear = await probed(world, `tls://localhost:${await saying(false)}`, request);
    expect(unclear.verdict).toBe("inconclusive");
  });

  test("a service that hangs up after a while proves nothing, though it also did when a line came", async () => {
    const port = await tlsServer(lax({ minVersion: "TLSv1.3" }), (socket) => {
      outside.clock.sleep(1200, outside.signal).then(
        () => socket.destroy(),
        () => {},
      );
    });
    // long enough to see it
    const request = { attacks: ESSENTIAL() };
    const endpoint = await probed(world, `tls://localhost:${port}`, request);
    expect(withOutcome(endpoint, "refused")).toEqual([]);
    expect(endpoint.verdict).not.toBe("enforced");
  });

  test("a service that hangs up on everybody proves nothing", async () => {
    const port = await tlsServer(strict(), (socket) => socket.end());
    const endpoint = await probed(world, `tls://localhost:${port}`, { attacks: ESSENTIAL() });
    expect(endpoint.verdict).toBe("inconclusive");
  });

  test("a port that serves everybody without TLS too is bypassed by plaintext", async () => {
    const inner = await tlsServer(strict(), (socket) => socket.write("220 fleet gateway\r\n"));
    const port = await tcpServer((socket) => {
      const greeting = new AbortController();
      outside.clock.sleep(100, greeting.signal).then(
        () => socket.write("220 fleet gateway\r\n"),
        () => {},
      );
      socket.once("data", (first) => {
        greeting.abort();
        const through = connect(inner, "127.0.0.1");
        through.on("error", () => {});
        through.write(first);
        socket.pipe(through).pipe(socket);
      });
    });
    const request = { attacks: selected("no-cert", "self-signed", "wrong-ca", "plaintext") };
    const endpoint = await probed(world, `tls://localhost:${port}`, request);
    expect(withOutcome(endpoint, "accepted")).toEqual(["plaintext"]);
  });
});

describe("what cannot be established", () => {
  test("a dead port", async () => {
    const endpoint = await probed(world, "https://127.0.0.1:1/");
    expect(endpoint.verdict).toBe("inconclusive");
    expect(withOutcome(endpoint, "refused")).toEqual([]);
  });

  test("a name that does not resolve", async () => {
    const endpoint = await probed(world, "https://no-such-host.invalid/");
    expect(endpoint).toMatchObject({ verdict: "inconclusive", address: "no-such-host.invalid" });
    expect(endpoint.reasons).toEqual(["no-such-host.invalid does not resolve"]);
  });

  test("a server that is killed half-way", async () => {
    const inner = await httpsServer(strict(), hello);
    const sockets: Socket[] = [];
    // enough for the first controls, and not for all that follows them
    let left = 6;
    const port = await tcpServer((socket) => {
      left -= 1;
      if (left < 0) {
        socket.resetAndDestroy();
        return;
      }
      const through = connect(inner, "127.0.0.1");
      sockets.push(through);
      for (const one of [socket, through]) one.on("error", () => {});
      socket.pipe(through).pipe(socket);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(left).toBeLessThan(0);
    expect(endpoint.verdict).toBe("inconclusive");
    for (const socket of sockets) socket.destroy();
  });

  test("a server of an unknown CA, and a client that the server does not know", async () => {
    const port = await httpsServer(strict(), hello);
    const stranger = await testCa("Stranger");
    const untrusted = await probed(world, `https://localhost:${port}/`, {
      attacks: ESSENTIAL(),
      serverCa: [stranger.pem],
    });
    expect(untrusted.verdict).toBe("inconclusive");
    expect(untrusted.reasons.join()).toContain("not trusted");
    const other = await newWorld();
    const unknown = await probed({ ...other, root: world.root }, `https://localhost:${port}/`, {
      attacks: ESSENTIAL(),
    });
    expect(unknown.verdict).toBe("inconclusive");
  });

  test("a name that the server's certificate does not have", async () => {
    const server = await testLeaf(world.ca, {
      commonName: "other",
      purpose: "server",
      chain: [world.ca],
      names: [{ type: "dns", value: "other.fleet.internal" }],
    });
    const port = await httpsServer(strict({ cert: server.pem, key: server.keyPem }), hello);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(endpoint.verdict).toBe("inconclusive");
  });

  test("no TLS at all, and not HTTP", async () => {
    const port = await tcpServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(endpoint.verdict).toBe("inconclusive");
    const other = await tlsServer(strict(), (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    const strange = await probed(world, `https://localhost:${other}/`, { attacks: ESSENTIAL() });
    expect(strange.verdict).toBe("inconclusive");
  });

  test("without a valid client an open server is still found, and a closed one proves nothing", async () => {
    const without = forgery({ ...materialOf(world), client: undefined, reissue: undefined, ca: undefined });
    const open = await httpsServer(lax(), hello);
    const bypassed = await probed(world, `https://localhost:${open}/`, { forgery: without });
    expect(bypassed.verdict).toBe("bypassed");
    expect(withOutcome(bypassed, "not-run")).toEqual(
      expect.arrayContaining(onBoth("twin-ca", "expired", "leaf-as-ca")),
    );
    const closed = await httpsServer(strict(), hello);
    expect((await probed(world, `https://localhost:${closed}/`, { forgery: without })).verdict).toBe(
      "inconclusive",
    );
  });

  test("a certificate that is sent without its intermediate CA is refused with that advice, and only there", async () => {
    const port = await httpsServer(strict(), hello);
    const url = `https://localhost:${port}/`;
    const as = async (chain: readonly TestCa[], root: TestCa, ca: TestCa) => {
      const { pem, keyPem } = await testLeaf(ca, { commonName: "client", purpose: "client", chain });
      const client = readIdentity(Buffer.from(pem), keyPem, { certificate: "client", key: "key" });
      const forged = forgery({ ...materialOf(world), client, reissue: undefined, ca: undefined });
      const { verdict, control } = await probed(world, url, {
        forgery: forged,
        attacks: selected("no-cert"),
        serverCa: [world.root.pem, root.pem],
      });
      return [verdict, ...control.map(({ evidence }) => evidence.includes("send the chain too"))];
    };
    expect(await as([], world.root, world.ca)).toEqual(["inconclusive", true, true]);
    expect(await as([world.ca], world.root, world.ca)).toEqual(["enforced", false, false]);
    const root = await testCa("Stranger");
    const ca = await testCa("Stranger's CA", root);
    expect(await as([ca], root, ca)).toEqual(["inconclusive", false, false]);
  });
});

describe("stability", () => {
  test("a server that serves one client at a time is judged all the same", async () => {
    const inner = await httpsServer(strict(), hello);
    let last = Promise.resolve();
    const port = await tcpServer((socket) => {
      socket.on("error", () => {});
      const before = last;
      const serve = async () => {
        await before;
        if (socket.destroyed) return;
        const through = connect(inner, "127.0.0.1");
        through.on("error", () => {});
        socket.pipe(through).pipe(socket);
        await new Promise((resolve) => through.on("close", resolve));
      };
      last = serve();
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
    expect(endpoint.verdict).toBe("enforced");
  });
});

describe("a server that is too busy to answer", () => {
  /** Leaves the first requests of clients without a valid certificate unanswered. */
  const busy = async (options: TlsOptions, count: number) => {
    const left = { unanswered: 0 };
    const port = await httpsServer(options, (request, response) => {
      if (!isAuthorized(request) && left.unanswered < count) left.unanswered += 1;
      else response.end("hello");
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      attacks: ESSENTIAL(),
      timeout: 2000,
    });
    return { endpoint, unanswered: left.unanswered };
  };

  test("is asked again, by each client alone: an open one is found", async () => {
    const { endpoint, unanswered } = await busy(lax({ minVersion: "TLSv1.3" }), 3);
    expect(unanswered).toBe(3);
    expect(withOutcome(endpoint, "accepted")).toEqual(["no-cert@1.3", "self-signed@1.3", "wrong-ca@1.3"]);
  });

  test("is asked by nobody else meanwhile, on another TLS version or for another path", async () => {
    let open = 0;
    const beside: number[] = [];
    const port = await httpsServer(
      lax({}),
      (request, response) => {
        // whoever is not alone waits for ever
        if (isAuthorized(request) || open === 1) response.end("hello");
        else beside.push(open);
      },
      (socket) => {
        open += 1;
        socket.on("close", () => (open -= 1));
      },
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      attacks: ESSENTIAL(),
      timeout: 2000,
    });
    expect(beside.length).toBeGreaterThan(0);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
  });

  test("is asked once more and no oftener, and silence proves nothing", async () => {
    const { endpoint, unanswered } = await busy(lax({ minVersion: "TLSv1.3" }), 1000);
    expect(endpoint.verdict).toBe("inconclusive");
    // self-signed comes in three forms, wrong-ca in four; the first of all waits longer, and six ask again
    expect(unanswered).toBe(15);
  });

  test("and one that demands certificates is enforced", async () => {
    const { endpoint, unanswered } = await busy(strict({ minVersion: "TLSv1.3" }), 1000);
    expect([endpoint.verdict, unanswered]).toEqual(["enforced", 0]);
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
    const request = requestFor(world, `https://localhost:${port}/`, { attacks: ESSENTIAL() });
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
    const request = requestFor(world, "https://localhost:1/", { attacks: ESSENTIAL() });
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
    const endpoint = await probed(world, `https://localhost:${port}/`, { supplied });
    const reported = /^(no-eku|renegotiation)@/;
    expect(withOutcome(endpoint, "accepted").filter((id) => !reported.test(id))).toEqual(onBoth("revoked"));
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

describe("connections at one time", () => {
  const mostAtOnce = async (concurrency: number | undefined) => {
    const slow = (_request: IncomingMessage, response: ServerResponse) =>
      void setTimeout(() => response.end("hello"), 200);
    const ports = [await httpsServer(lax(), slow), await httpsServer(lax(), slow)];
    const sockets: { readonly port: number; readonly socket: Socket }[] = [];
    const most = { toOne: 0, toAll: 0 };
    const network = {
      ...outside.network,
      connect: (address: string, port: number) => {
        const socket = outside.network.connect(address, port);
        sockets.push({ port, socket });
        const open = sockets.filter((one) => !one.socket.destroyed);
        most.toOne = Math.max(most.toOne, open.filter((one) => one.port === port).length);
        most.toAll = Math.max(most.toAll, open.length);
        return socket;
      },
    };
    const targets = ports.map((port) => parseTarget(`https://localhost:${port}/`));
    const addresses = new Map(
      ports.map((port) => [`localhost:${port}`, [{ address: "127.0.0.1", family: 4 as const }]]),
    );
    const request = requestFor(world, "https://localhost/", { targets, addresses, concurrency });
    await probe(
      { ...request, attacks: selected("no-cert", ...NAMES, ...FORGED) },
      { ...outside, network },
      () => {},
    );
    return most;
  };

  test("are 8 to one server, unless told otherwise, and those to another one come on top", async () => {
    const { toOne, toAll } = await mostAtOnce(undefined);
    expect(toOne).toBe(8);
    expect(toAll).toBeGreaterThan(8);
  });

  test("are as many in all as is told", async () => {
    expect(await mostAtOnce(3)).toEqual({ toOne: 3, toAll: 3 });
  });
});

describe("an interruption", () => {
  /** Interrupted by the server, as it serves a client for the `count`th time, one by one. */
  const interruptedAt = async (count: number) => {
    const controller = new AbortController();
    let served = 0;
    const port = await httpsServer(strict({ minVersion: "TLSv1.3" }), (_request, response) => {
      served += 1;
      if (served === count) controller.abort(new Error("interrupted"));
      else response.end("hello");
    });
    const request = requestFor(world, `https://localhost:${port}/`, { concurrency: 1 });
    const result = await probe(request, { ...outside, signal: controller.signal }, () => {});
    const [endpoint] = result.endpoints;
    if (endpoint === undefined) throw new Error("no endpoint");
    return { result, endpoint };
  };

  test("ends the run with what is known by then, and casts no other doubts on it", async () => {
    const { result, endpoint } = await interruptedAt(2); // no-eku
    expect(result).toMatchObject({ interrupted: true, ok: false });
    expect(endpoint.verdict).toBe("inconclusive");
    const [reason, ...others] = endpoint.reasons;
    expect(reason).toBe("interrupted before it was done");
    expect(others).toContain("no-cert on TLS 1.3: interrupted before the second control");
    // nothing else is doubtful
    expect(others.filter((one) => !one.endsWith(": interrupted before the second control"))).toEqual([]);
    expect(endpoint.control).toContainEqual({ tls: "1.3", outcome: "accepted", evidence: "HTTP 200" });
    // no refusal counts without the second control
    expect(withOutcome(endpoint, "refused")).toEqual([]);
    expect(endpoint.attacks).toContainEqual(
      expect.objectContaining({
        id: "no-cert",
        tls: "1.3",
        outcome: "inconclusive",
        evidence: "interrupted before the second control",
      }),
    );
    expect(withOutcome(endpoint, "not-run")).toContain("plaintext");
  });

  test("before the first answer leaves everything not run", async () => {
    const { endpoint } = await interruptedAt(1);
    expect(endpoint).toMatchObject({ verdict: "inconclusive", reasons: ["interrupted before it was done"] });
    expect(endpoint.attacks.every(({ outcome }) => outcome === "not-run")).toBe(true);
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
