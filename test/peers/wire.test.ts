// @module-tag long
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wireAttacks } from "../../src/probe/wire/attacks.ts";
import type { Settings, WireVersion } from "../../src/probe/wire/settings.ts";
import { testCa, type TestLeaf, testLeaf } from "../probe/support/certificates.ts";
import { client, type Drive, drive, type DriveOptions, versions, wireIdentity } from "../probe/wire/drive.ts";
import { describeWithEngines } from "./engines.ts";
import {
  type ServerFiles,
  serverFiles,
  startEnvoy,
  startGnutls,
  startGo,
  startHaproxy,
  startJava,
  startNginx,
  startOpenssl,
  type StrictServer,
} from "./wire-servers.ts";

const keyTypes = ["p256", "p384", "ed25519", "rsa2048"] as const;
type KeyType = (typeof keyTypes)[number];

interface Peer {
  readonly start: (files: ServerFiles) => Promise<StrictServer>;
  readonly request: string;
  /** Stands in the answer to a valid client with that common name, and in no other. */
  readonly answer: (name: string) => string;
  /** Client keys that this server asks no signatures of. */
  readonly lacks?: readonly KeyType[];
  /** The versions in which it gives tickets to clients with certificates. */
  readonly tickets: readonly WireVersion[];
  /** Further tests. */
  readonly more?: (
    asks: (chosen: Partial<Settings>, version: WireVersion) => Promise<Drive>,
    clients: Readonly<Record<KeyType, TestLeaf>>,
  ) => void;
}

const HTTP = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/** As a conforming client, against a strict server: each version with each group, suite and key. */
function conforms({ start, request, answer, lacks = [], tickets, more }: Peer): void {
  const clients = {} as Record<KeyType, TestLeaf>;
  let directory: string;
  let server: StrictServer;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "fleetsec-wire-"));
    const ca = await testCa("peers' CA");
    const leaf = (keyType: KeyType, purpose: "client" | "server") =>
      testLeaf(ca, { commonName: `${purpose} ${keyType}`, purpose, keyType });
    for (const keyType of keyTypes) clients[keyType] = await leaf(keyType, "client");
    const leaves = [await leaf("p256", "server"), await leaf("rsa2048", "server")];
    server = await start(serverFiles(directory, ca.pem, leaves));
  }, 180_000);

  afterAll(async () => {
    await server?.process.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const options = (name: string, early = false): DriveOptions => ({
    request,
    // 0-RTT data goes along with the hello
    settle: early ? 0 : 20,
    ms: 10_000,
    until: (text) => text.includes(answer(name)),
  });
  const asks = (chosen: Settings, name: string) =>
    drive(server.port, chosen, options(name, chosen.script.earlyData));

  describe.each(versions)("TLS %s", (version) => {
    const everything = client(version);
    const dialled = async (chosen: Partial<Settings>, keyType: KeyType = "p256") => {
      const identity = wireIdentity(clients[keyType]);
      const {
        received,
        client: wire,
        seen,
      } = await asks(client(version, { identity, serverName: "localhost", ...chosen }), `client ${keyType}`);
      return { ...seen, received, localFault: wire.fault };
    };
    const served = (keyType: KeyType = "p256") => ({
      received: expect.stringContaining(answer(`client ${keyType}`)) as string,
      version,
      clientVerified: true,
      clientFinished: true,
      fault: undefined,
      localFault: undefined,
    });

    test.each(everything.cipherSuites)("suite %i", async (suite) => {
      expect(await dialled({ cipherSuites: [suite] })).toMatchObject({ ...served(), cipherSuite: suite });
    });

    test.each(everything.groups)("key agreement over %s", async (group) => {
      // TLS 1.2 counts the curves of certificates among the groups: the one is asked for first
      const groups = version === "1.3" ? [group] : [...new Set([group, "secp256r1" as const])];
      expect(await dialled({ groups, shares: [group] })).toMatchObject(served());
    });

    test.each(keyTypes.filter((keyType) => !lacks.includes(keyType)))(
      "a client's key of %s",
      async (keyType) => {
        expect(await dialled({}, keyType)).toMatchObject(served(keyType));
      },
    );

    test("a client hello in many records", async () => {
      expect(await dialled({ helloFragment: 50 })).toMatchObject(served());
    });

    test("no certificate is refused", async () => {
      const { received } = await asks(client(version), "client p256");
      expect(received).not.toContain(answer("client p256"));
    });

    test("and so is each attack on the protocol's state", async () => {
      const identity = wireIdentity(clients.p256);
      const passed: string[] = [];
      for (const attack of wireAttacks) {
        if (attack.flight.decides !== "flight" || !attack.versions.includes(version)) continue;
        for (const { script, presents, helloFragment = 16_384 } of attack.attempts) {
          const ms = script.silent === true ? 200 : 1500;
          const chosen = { script, helloFragment, identity: presents === "valid" ? identity : undefined };
          const { received } = await drive(server.port, client(version, chosen), {
            ...options("client p256"),
            ms,
          });
          if (received.includes(answer("client p256"))) passed.push(attack.id);
        }
      }
      expect(passed).toEqual([]);
    }, 180_000);

    test("the session is resumed", async () => {
      const identity = wireIdentity(clients.p256);
      const first = await asks(client(version, { identity }), "client p256");
      const session = first.client.sessions.at(-1);
      expect(session !== undefined).toBe(tickets.includes(version));
      if (session === undefined) return;
      const second = await asks(client(version, { identity, session }), "client p256");
      expect(second.received).toContain(answer("client p256"));
      expect(second.seen).toMatchObject({ serverCertificates: [], fault: undefined });
    });
  });

  test("a hello without key shares is retried", async () => {
    const identity = wireIdentity(clients.p256);
    const { received } = await asks(client("1.3", { identity, shares: [] }), "client p256");
    expect(received).toContain(answer("client p256"));
  });

  more?.((chosen, version) => asks(client(version, chosen), "client p256"), clients);
}

/** nginx answers with "1" only if it read the request before the rest of the handshake. */
function zeroRtt(
  asks: (chosen: Partial<Settings>, version: WireVersion) => Promise<Drive>,
  clients: Readonly<Record<KeyType, TestLeaf>>,
): void {
  test("a request as 0-RTT data", async () => {
    const identity = wireIdentity(clients.p256);
    const first = await asks({ identity }, "1.3");
    expect(first.received).toMatch(/CN=client p256 \n$/);
    const session = first.client.sessions.at(-1);
    const second = await asks({ identity, session, script: { earlyData: true } }, "1.3");
    expect([second.received, second.client.earlyDataTaken]).toEqual([
      expect.stringMatching(/CN=client p256 1?\n$/),
      true,
    ]);
    expect(second.seen.serverCertificates).toEqual([]);
  });

  test("a request as 0-RTT data, and nothing after it, in a session over the group that the server asked for", async () => {
    const identity = wireIdentity(clients.p256);
    const first = await asks({ identity, groups: ["secp256r1", "x25519"], shares: [] }, "1.3");
    const session = first.client.sessions.at(-1);
    expect(session?.group).not.toBeUndefined();
    const script = { earlyData: true, holdsBack: true };
    const second = await asks({ identity, session, shares: ["secp521r1"], script }, "1.3");
    expect([second.received, second.client.earlyDataTaken]).toEqual([
      expect.stringMatching(/CN=client p256 1\n$/),
      true,
    ]);
    expect(second.seen.clientFinished).toBe(false);
  });

  test("0-RTT data of a client that never had a certificate is refused", async () => {
    const first = await asks({}, "1.3");
    const session = first.client.sessions.at(-1);
    // nginx gives tickets before it looks at the certificate
    expect(session?.maxEarlyData).toBeGreaterThan(0);
    const second = await asks({ session, script: { earlyData: true } }, "1.3");
    expect([second.client.earlyDataTaken, second.received]).toEqual([true, expect.stringContaining("400")]);
    expect(second.received).not.toContain("CN=");
  });
}

describeWithEngines(["nginx"], "the raw client and nginx", ({ nginx }) => {
  conforms({
    start: (files) => startNginx(nginx.path, files),
    request: HTTP,
    tickets: ["1.3", "1.2"],
    answer: (name) => `CN=${name}`,
    more: zeroRtt,
  });
});

describeWithEngines(["haproxy"], "the raw client and HAProxy", ({ haproxy }) => {
  conforms({
    start: (files) => startHaproxy(haproxy.path, files),
    request: HTTP,
    tickets: ["1.3", "1.2"],
    answer: (name) => `CN=${name}`,
  });
});

describeWithEngines(["openssl"], "the raw client and openssl s_server", ({ openssl }) => {
  conforms({
    start: (files) => startOpenssl(openssl.path, files),
    request: "ping\n",
    tickets: ["1.3", "1.2"],
    answer: () => "gnip",
  });
});

describeWithEngines(["gnutls-serv"], "the raw client and gnutls-serv", (engines) => {
  conforms({
    start: (files) => startGnutls(engines["gnutls-serv"].path, files),
    request: "ping\n",
    tickets: ["1.3", "1.2"],
    answer: () => "ping",
  });
});

describeWithEngines(["envoy"], "the raw client and Envoy", ({ envoy }) => {
  conforms({
    start: (files) => startEnvoy(envoy.path, files),
    request: HTTP,
    tickets: ["1.3", "1.2"],
    answer: () => "welcome",
    // BoringSSL lists no Ed25519 unless told
    lacks: ["ed25519"],
  });
});

describeWithEngines(["go"], "the raw client and Go", ({ go }) => {
  conforms({
    start: (files) => startGo(go.path, files),
    request: "ping\n",
    tickets: ["1.3", "1.2"],
    answer: (name) => `${name}: ping`,
  });
});

describeWithEngines(["java"], "the raw client and Java", ({ java }) => {
  conforms({
    start: (files) => startJava(java.path, files),
    request: "ping\n",
    tickets: ["1.3", "1.2"],
    answer: (name) => `CN=${name}: ping`,
  });
});
