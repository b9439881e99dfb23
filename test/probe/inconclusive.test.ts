import { connect, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { forgery } from "../../src/probe/identities/forgery.ts";
import { readIdentity } from "../../src/probe/identities/identity.ts";
import { testCa, testLeaf, type TestCa } from "./support/certificates.ts";
import {
  ESSENTIAL,
  materialOf,
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { httpsServer, tcpServer, tlsServer } from "./support/servers.ts";
import { hello } from "./support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

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
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(left).toBeLessThan(0);
    expect(endpoint.verdict).toBe("inconclusive");
    for (const socket of sockets) socket.destroy();
  });

  test("a server of an unknown CA, and a client that the server does not know", async () => {
    const port = await httpsServer(strict(), hello);
    const stranger = await testCa("Stranger");
    const untrusted = await probed(world, `https://localhost:${port}/`, {
      attacks: ESSENTIAL,
      serverCa: [stranger.pem],
    });
    expect(untrusted.verdict).toBe("inconclusive");
    expect(untrusted.reasons.join()).toContain("not trusted");
    const other = await newWorld();
    const unknown = await probed({ ...other, root: world.root }, `https://localhost:${port}/`, {
      attacks: ESSENTIAL,
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
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("inconclusive");
  });

  test("no TLS at all, and not HTTP", async () => {
    const port = await tcpServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("inconclusive");
    const other = await tlsServer(strict(), (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    const strange = await probed(world, `https://localhost:${other}/`, { attacks: ESSENTIAL });
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
    const { verdict } = await probed(world, `https://localhost:${closed}/`, {
      forgery: without,
      attacks: ESSENTIAL,
    });
    expect(verdict).toBe("inconclusive");
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
