import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { exchange, type Outside } from "../../src/probe/client.ts";
import { readIdentity } from "../../src/probe/identities/identity.ts";
import type { Channel, Dial, TlsDial } from "../../src/probe/exchange.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { familiesFor } from "../../src/probe/key-family.ts";
import { patientClock } from "../support/patient-clock.ts";
import { type TestCa, testCa, type TestLeaf, testLeaf } from "./support/certificates.ts";
import { tcpServer, tlsServer } from "./support/servers.ts";

const { network, clock, random } = systemPlatform(new AbortController().signal);
const outside: Outside = {
  network,
  clock: patientClock(clock),
  random,
  signal: new AbortController().signal,
};
/** Milliseconds in which a busy machine comes to anything. */
const LONG = 60_000;
const deadlines = { connect: LONG, handshake: LONG, denial: LONG };

const NOTHING = { schemes: [], certificateTypes: undefined };

let ca: TestCa;
let server: TestLeaf;
let client: TestLeaf;
let stranger: TestLeaf;

beforeAll(async () => {
  ca = await testCa("Fleet Root");
  server = await testLeaf(ca, { commonName: "server", purpose: "server" });
  client = await testLeaf(ca, { commonName: "client", purpose: "client" });
  stranger = await testLeaf(await testCa("Stranger"), { commonName: "client", purpose: "client" });
});

function dial(port: number, tls: Partial<TlsDial> = {}): Dial {
  return {
    address: "127.0.0.1",
    port,
    tls: {
      version: "1.3",
      host: "127.0.0.1",
      serverName: "",
      alpn: [],
      identity: undefined,
      serverCa: [ca.pem],
      wire: undefined,
      ...tls,
    },
  };
}

const identityOf = ({ pem, keyPem }: TestLeaf) =>
  readIdentity(Buffer.from(pem), keyPem, { certificate: "test", key: "test" });
const read = async (channel: Channel) => channel.until(() => channel.received().length >= 5, LONG);
const strict = (version: "TLSv1.2" | "TLSv1.3") => ({
  cert: server.pem,
  key: server.keyPem,
  ca: ca.pem,
  requestCert: true,
  rejectUnauthorized: true,
  minVersion: version,
  maxVersion: version,
});

describe.each([
  ["1.2", "TLSv1.2"],
  ["1.3", "TLSv1.3"],
] as const)("TLS %s", (version, nodeVersion) => {
  test("a valid client: what was asked for, what was sent, and the answer", async () => {
    const port = await tlsServer(strict(nodeVersion), (socket) => socket.end("hello"));
    const trace = await exchange(
      dial(port, { version, identity: identityOf(client) }),
      read,
      deadlines,
      outside,
    );
    expect(Buffer.from(trace.received).toString()).toBe("hello");
    expect(trace).toMatchObject({
      established: true,
      untrusted: undefined,
      localFault: undefined,
      end: "closed",
    });
    expect(trace.seen).toMatchObject({
      version,
      clientVerified: true,
      serverFinished: true,
      fault: undefined,
    });
    // OpenSSL on either side adds the issuer, which it finds among those that are trusted
    expect(Buffer.from(trace.seen.clientCertificates?.[0] ?? [])).toEqual(Buffer.from(client.der));
    expect(Buffer.from(trace.seen.serverCertificates[0] ?? [])).toEqual(Buffer.from(server.der));
    expect(trace.seen.request?.authorities.map((name) => Buffer.from(name))).toEqual([Buffer.from(ca.name)]);
    expect(familiesFor(trace.seen.request ?? NOTHING, version)).toContain("p256");
  });

  test("no certificate: an empty Certificate message, and the server's alert", async () => {
    const port = await tlsServer(strict(nodeVersion), (socket) => socket.end("hello"));
    const trace = await exchange(dial(port, { version }), read, deadlines, outside);
    expect(trace.received).toHaveLength(0);
    expect(trace.seen.clientCertificates).toEqual([]);
    expect(trace.seen.clientVerified).toBe(false);
    expect(trace.seen.alerts).toContainEqual({
      from: "server",
      fatal: true,
      description: version === "1.3" ? 116 : 40,
    });
  });

  test("a stranger's certificate was really sent; node closes without an alert", async () => {
    const port = await tlsServer(strict(nodeVersion), (socket) => socket.end("hello"));
    const trace = await exchange(
      dial(port, { version, identity: identityOf(stranger) }),
      read,
      deadlines,
      outside,
    );
    expect(trace.received).toHaveLength(0);
    expect(trace.seen.clientCertificates?.map((der) => Buffer.from(der))).toEqual([
      Buffer.from(stranger.der),
    ]);
    expect(trace.seen.clientVerified).toBe(true);
    expect(trace.end).not.toBe("open");
  });

  test("a server that lists only RSA makes the library drop an ECDSA certificate, and we see it", async () => {
    const options = { ...strict(nodeVersion), sigalgs: "rsa_pss_rsae_sha256:RSA+SHA256" };
    const rsaServer = await testLeaf(ca, { commonName: "server", purpose: "server", keyType: "rsa2048" });
    const port = await tlsServer({ ...options, cert: rsaServer.pem, key: rsaServer.keyPem }, (socket) =>
      socket.end("hello"),
    );
    const trace = await exchange(
      dial(port, { version, identity: identityOf(client) }),
      read,
      deadlines,
      outside,
    );
    expect(familiesFor(trace.seen.request ?? NOTHING, version)).toEqual(["rsa"]);
    expect(trace.seen.clientCertificates).toEqual([]);
  });

  test("a server of another CA is not trusted, and is asked all the same", async () => {
    const port = await tlsServer(strict(nodeVersion), (socket) => socket.end("hello"));
    const other = await testCa("Other");
    const trace = await exchange(
      dial(port, { version, identity: identityOf(client), serverCa: [other.pem] }),
      read,
      deadlines,
      outside,
    );
    expect(trace.untrusted).toBeDefined();
    expect(Buffer.from(trace.received).toString()).toBe("hello");
  });
});

describe("hostile and broken servers", () => {
  test("a dead port", async () => {
    const port = await tcpServer(() => {});
    const trace = await exchange({ ...dial(port), address: "127.0.0.2" }, read, deadlines, outside);
    expect(trace).toMatchObject({ end: "unconnected", error: "ECONNREFUSED" });
  });

  test.each([
    ["garbage", (): Buffer => Buffer.alloc(4096, "x")],
    [
      "a record that never ends",
      (): Buffer => Buffer.concat([Buffer.from([22, 3, 3, 255, 255]), Buffer.alloc(1 << 16)]),
    ],
    ["a ServerHello of nonsense", (): Buffer => Buffer.from([22, 3, 3, 0, 8, 2, 0, 0, 4, 3, 3, 1, 2])],
  ])("%s ends the connection, not the probe", async (_name, bytes) => {
    const port = await tcpServer((socket) => socket.once("data", () => socket.write(bytes())));
    const trace = await exchange(dial(port), read, { ...deadlines, handshake: 500 }, outside);
    expect(trace.established).toBe(false);
    expect(trace.seen.version).toBeUndefined();
  });

  test("silence is waited for no longer than allowed", async () => {
    const port = await tcpServer(() => {});
    const started = performance.now();
    const trace = await exchange(dial(port), read, { ...deadlines, handshake: 200 }, outside);
    expect(trace).toMatchObject({ end: "open", established: false });
    expect(performance.now() - started).toBeLessThan(LONG);
  });

  test("endless bytes: 64 KiB are kept, and the connection is dropped", async () => {
    const options = { ...strict("TLSv1.3"), requestCert: false };
    const port = await tlsServer(options, async (socket) => {
      while (!socket.destroyed) {
        socket.write(Buffer.alloc(1 << 16, "e"));
        await delay(1);
      }
    });
    const never = async (channel: Channel) => channel.until(() => false, LONG);
    const trace = await exchange(dial(port), never, deadlines, outside);
    expect(trace.end).toBe("flooded");
    expect(trace.received).toHaveLength(1 << 16);
    expect(trace.ms.total).toBeLessThan(LONG);
  });

  test("an interruption ends it at once, with the signal's reason", async () => {
    const port = await tcpServer(() => {});
    const controller = new AbortController();
    const running = exchange(dial(port), read, deadlines, { ...outside, signal: controller.signal });
    await delay(50);
    controller.abort(new Error("interrupted"));
    await expect(running).rejects.toThrow("interrupted");
  });
});
