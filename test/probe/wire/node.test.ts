import type { SecureVersion, TlsOptions } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { HandshakeType } from "../../../src/probe/wire/handshake.ts";
import {
  certificateVerify,
  emptyCertificate,
  finished,
  keyExchange,
  ownCertificate,
  type Step,
} from "../../../src/probe/wire/script.ts";
import { type TestCa, testCa, type TestLeaf, testLeaf } from "../support/certificates.ts";
import { tlsServer } from "../support/servers.ts";
import { client, drive, versions, wireIdentity } from "./drive.ts";
import { hex } from "./rfc8448.ts";

const keyTypes = ["p256", "p384", "ed25519", "rsa2048"] as const;
type KeyType = (typeof keyTypes)[number];

let ca: TestCa;
const servers = {} as Record<KeyType, TestLeaf>;
const clients = {} as Record<KeyType, TestLeaf>;

beforeAll(async () => {
  ca = await testCa("wire test CA");
  for (const keyType of keyTypes) {
    servers[keyType] = await testLeaf(ca, { commonName: `server ${keyType}`, purpose: "server", keyType });
    clients[keyType] = await testLeaf(ca, { commonName: `client ${keyType}`, purpose: "client", keyType });
  }
});

/** A strict server that greets its client by name and repeats what it says. */
function strictServer(keyType: KeyType, version: "1.2" | "1.3", options: TlsOptions = {}): Promise<number> {
  const only = `TLSv${version}` as SecureVersion;
  const { pem, keyPem } = servers[keyType];
  return tlsServer(
    {
      cert: pem,
      key: keyPem,
      ca: ca.pem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: only,
      maxVersion: only,
      ...options,
    },
    (socket) => {
      const { CN } = socket.getPeerCertificate().subject ?? {};
      socket.on("data", (data) => socket.write(`${String(CN)}: ${data.toString("latin1")}`));
    },
  );
}

const SUITES = {
  "1.3": {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
  },
  "1.2": {
    0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xc02c: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xcca9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0xc02f: "ECDHE-RSA-AES128-GCM-SHA256",
    0xc030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xcca8: "ECDHE-RSA-CHACHA20-POLY1305",
  },
} as const;

const OPENSSL_GROUPS = {
  x25519: "X25519",
  secp256r1: "prime256v1",
  secp384r1: "secp384r1",
  secp521r1: "secp521r1",
} as const;

const combinations = versions.flatMap((version) =>
  Object.entries(SUITES[version]).flatMap(([code, name]) =>
    (["x25519", "secp256r1", "secp384r1", "secp521r1"] as const).map((group) => ({
      version,
      code: Number(code),
      name,
      group,
    })),
  ),
);

describe("a conforming client with a certificate, against node", () => {
  test.each(combinations)("TLS $version with $name over $group", async ({ version, code, name, group }) => {
    const keyType = name.includes("RSA") ? "rsa2048" : "p256";
    // TLS 1.2 counts the curve of an ECDSA certificate among the groups (RFC 8422, section 5.1.1)
    const groups = [...new Set(keyType === "p256" ? [group, "secp256r1" as const] : [group])];
    const port = await strictServer(keyType, version, {
      ecdhCurve: groups.map((each) => OPENSSL_GROUPS[each]).join(":"),
    });
    const chosen = { cipherSuites: [code], groups, shares: [group] };
    const identity = wireIdentity(clients[keyType]);
    const { received, client: wire, seen } = await drive(port, client(version, { ...chosen, identity }));
    expect(received).toBe(`client ${keyType}: ping`);
    expect(wire.fault).toBeUndefined();
    expect([seen.version, seen.cipherSuite]).toEqual([version, code]);
  });

  const keys = versions.flatMap((version) =>
    keyTypes.flatMap((server) => keyTypes.map((own) => ({ version, server, own }))),
  );

  test.each(keys)(
    "TLS $version: a server's $server key and a client's $own key",
    async ({ version, server, own }) => {
      const port = await strictServer(server, version);
      const identity = wireIdentity(clients[own]);
      const { received, seen } = await drive(port, client(version, { identity }));
      expect(received).toBe(`client ${own}: ping`);
      // an independent reader of the same bytes agrees
      expect(seen).toMatchObject({
        version,
        clientVerified: true,
        clientFinished: true,
        serverFinished: true,
        fault: undefined,
      });
      expect(seen.clientCertificates?.map(hex)).toEqual([hex(clients[own].der)]);
      // node puts the CA behind the leaf
      expect(seen.serverCertificates.map(hex)).toEqual([servers[server], ca].map(({ der }) => hex(der)));
    },
  );

  const schemes = [
    ["1.3", "rsa2048", "rsa_pss_rsae_sha384", 0x0805],
    ["1.3", "rsa2048", "rsa_pss_rsae_sha512", 0x0806],
    ["1.2", "rsa2048", "rsa_pkcs1_sha256", 0x0401],
    ["1.2", "rsa2048", "rsa_pkcs1_sha512", 0x0601],
    ["1.2", "rsa2048", "rsa_pss_rsae_sha256", 0x0804],
    ["1.2", "p256", "ecdsa_secp384r1_sha384", 0x0503],
  ] as const;

  test.each(schemes)(
    "TLS %s: a client's %s key signs as %s where only that is asked for",
    async (version, own, name, code) => {
      const port = await strictServer("p256", version, { sigalgs: `${name}:ecdsa_secp256r1_sha256` });
      const identity = wireIdentity(clients[own]);
      const { received, seen } = await drive(port, client(version, { identity }));
      expect(received).toBe(`client ${own}: ping`);
      expect(seen.request?.schemes).toContain(code);
    },
  );
});

describe.each(versions)("TLS %s against node", (version) => {
  test("no certificate: a strict server refuses, a lax one does not", async () => {
    const strict = await drive(await strictServer("p256", version), client(version));
    expect(strict.received).toBe("");
    expect(strict.seen.clientCertificates).toEqual([]);
    const lax = await drive(
      await strictServer("p256", version, { rejectUnauthorized: false }),
      client(version),
    );
    expect(lax.received).toBe("undefined: ping");
  });

  test("a server that does not ask for a certificate gets none", async () => {
    const port = await strictServer("p256", version, { requestCert: false });
    const { received, seen } = await drive(port, client(version, { identity: wireIdentity(clients.p256) }));
    expect(received).toBe("undefined: ping");
    expect(seen.clientCertificates).toBeUndefined();
  });

  test("a certificate that fits no scheme of the request is not sent", async () => {
    const port = await strictServer("p256", version, {
      sigalgs: "ecdsa_secp256r1_sha256",
      rejectUnauthorized: false,
    });
    const { seen } = await drive(port, client(version, { identity: wireIdentity(clients.rsa2048) }));
    expect(seen.clientCertificates).toEqual([]);
  });

  test("server name and application protocol", async () => {
    let name: unknown;
    const port = await tlsServer(
      { cert: servers.p256.pem, key: servers.p256.keyPem, ALPNProtocols: ["http/1.1", "h2"] },
      (socket) => {
        name = (socket as { servername?: string }).servername;
        socket.write(String(socket.alpnProtocol));
      },
    );
    const offers = { serverName: "fleet.example", alpn: ["h2", "http/1.1"] };
    const { received, client: wire } = await drive(port, client(version, offers));
    expect([name, received, wire.protocol]).toEqual(["fleet.example", "http/1.1", "http/1.1"]);
  });

  test.each([1, 7, 100])("a client hello in records of %i bytes", async (helloFragment) => {
    const port = await strictServer("p256", version);
    const identity = wireIdentity(clients.p256);
    const { received } = await drive(port, client(version, { identity, helloFragment }));
    expect(received).toBe("client p256: ping");
  });

  test("the caller decides on the server's chain before anything of ours is sent", async () => {
    const port = await strictServer("p256", version);
    let chain: readonly Uint8Array[] = [];
    const identity = wireIdentity(clients.p256);
    const trust = (offered: readonly Uint8Array[]) => {
      chain = offered;
      return false;
    };
    const { client: wire, received, seen } = await drive(port, client(version, { identity, trust }));
    expect(chain.map(hex)).toEqual([servers.p256, ca].map(({ der }) => hex(der)));
    expect([received, wire.fault, wire.ready]).toEqual(["", "a server that is not trusted", false]);
    expect(seen.clientCertificates).toBeUndefined();
    expect(seen.alerts).toContainEqual({ from: "client", fatal: true, description: 42 });
  });

  test("a long answer comes through whole", async () => {
    const port = await tlsServer({ cert: servers.p256.pem, key: servers.p256.keyPem }, (socket) =>
      socket.write("x".repeat(60_000)),
    );
    const { received } = await drive(port, client(version), { until: (text) => text.length >= 60_000 });
    expect(received === "x".repeat(60_000)).toBe(true);
  });

  test("the session is resumed without a certificate message", async () => {
    const port = await strictServer("p256", version);
    const identity = wireIdentity(clients.p256);
    const first = await drive(port, client(version, { identity }));
    expect(first.client.sessions.length).toBeGreaterThan(0);
    const [session] = first.client.sessions;
    const second = await drive(port, client(version, { identity, session }));
    expect(second.received).toBe("client p256: ping");
    expect(second.seen).toMatchObject({
      clientCertificates: undefined,
      serverCertificates: [],
      fault: undefined,
    });
  });

  test("a version that the server has not is told apart", async () => {
    const port = await strictServer("p256", version === "1.3" ? "1.2" : "1.3");
    const { client: wire, seen } = await drive(port, client(version));
    expect(wire.ready).toBe(false);
    expect([...seen.alerts.map(({ description }) => description), wire.fault]).toEqual([70, undefined]);
  });
});

describe("TLS 1.2 against node", () => {
  test.each([true, false])("extended master secret: %s", async (extendedMasterSecret) => {
    const port = await strictServer("p256", "1.2");
    const identity = wireIdentity(clients.p256);
    const { received } = await drive(port, client("1.2", { identity, extendedMasterSecret }));
    expect(received).toBe("client p256: ping");
  });
});

describe("renegotiation against node", () => {
  /** Asks for a certificate only when it is spoken to. */
  const lateServer = (rejectUnauthorized: boolean) =>
    tlsServer(
      { cert: servers.p256.pem, key: servers.p256.keyPem, ca: ca.pem, maxVersion: "TLSv1.2" },
      (socket) =>
        socket.once("data", () => {
          socket.renegotiate({ requestCert: true, rejectUnauthorized }, (error) => {
            if (error === null) socket.write(String(socket.getPeerCertificate().subject?.CN));
          });
        }),
    );

  test("is answered with a certificate, or with none, as the script says", async () => {
    const identity = wireIdentity(clients.p256);
    const own = { later: [ownCertificate, keyExchange, certificateVerify(), finished] };
    const right = await drive(await lateServer(true), client("1.2", { identity, script: own }));
    expect([right.received, right.client.answeredLater]).toEqual(["client p256", 1]);
    const none = { later: [emptyCertificate, keyExchange, finished] };
    const lax = await drive(await lateServer(false), client("1.2", { identity, script: none }));
    expect([lax.received, lax.client.answeredLater]).toEqual(["undefined", 1]);
  });

  test("is declined without a script for it", async () => {
    const { client: wire } = await drive(await lateServer(true), client("1.2"), { ms: 500 });
    expect([wire.answeredLater, wire.fault]).toEqual([0, undefined]);
    expect(wire.events).toContainEqual(
      expect.objectContaining({ from: "client", kind: "alert", fatal: false, description: 100 }),
    );
  });

  test("that the client asks for is granted with a certificate, and refused without", async () => {
    const identity = wireIdentity(clients.p256);
    const asking = (later: readonly Step[]) =>
      client("1.2", { identity, script: { renegotiates: true, later } });
    const port = await strictServer("p256", "1.2");
    const own = await drive(port, asking([ownCertificate, keyExchange, certificateVerify(), finished]));
    expect([own.received, own.client.answeredLater, own.client.fault]).toEqual([
      "client p256: ping",
      1,
      undefined,
    ]);
    const none = await drive(port, asking([emptyCertificate, keyExchange, finished]));
    expect([none.received, none.client.ready, none.client.over]).toEqual(["", false, true]);
    expect(none.client.events.at(-1)).toMatchObject({ from: "server", fatal: true, description: 40 });
  });
});

describe("TLS 1.3 against node", () => {
  test("a hello without key shares is retried", async () => {
    const port = await strictServer("p256", "1.3");
    const identity = wireIdentity(clients.p256);
    const { received, client: wire } = await drive(port, client("1.3", { identity, shares: [] }));
    expect(received).toBe("client p256: ping");
    const hellos = wire.events.filter(
      (event) => event.kind === "handshake" && event.type === HandshakeType.clientHello,
    );
    expect(hellos.length).toBe(2);
  });

  test("a share of a group that the server does not want is retried", async () => {
    const port = await strictServer("p256", "1.3", { ecdhCurve: "secp384r1" });
    const identity = wireIdentity(clients.p256);
    const { received } = await drive(port, client("1.3", { identity }));
    expect(received).toBe("client p256: ping");
  });

  test("a session is resumed over a retry, unless its hash is another than the suite's", async () => {
    const port = await strictServer("p256", "1.3");
    const identity = wireIdentity(clients.p256);
    const first = await drive(port, client("1.3", { identity, cipherSuites: [0x1302] }));
    const session = first.client.sessions.at(-1);
    expect(session?.cipherSuite).toBe(0x1302);
    const again = { identity, session, shares: [] };
    const resumed = await drive(port, client("1.3", again));
    expect([resumed.received, resumed.seen.serverCertificates]).toEqual(["client p256: ping", []]);
    const anew = await drive(port, client("1.3", { ...again, cipherSuites: [0x1301] }));
    expect([anew.received, anew.seen.serverCertificates.length]).toEqual(["client p256: ping", 2]);
  });

  test("without compatibility mode no change_cipher_spec is sent", async () => {
    const port = await strictServer("p256", "1.3");
    const identity = wireIdentity(clients.p256);
    for (const [compatibility, count] of [
      [true, 1],
      [false, 0],
    ] as const) {
      const { received, client: wire } = await drive(port, client("1.3", { identity, compatibility }));
      expect(received).toBe("client p256: ping");
      const sent = wire.events.filter(({ from, kind }) => from === "client" && kind === "change-cipher-spec");
      expect(sent.length).toBe(count);
    }
  });
});
