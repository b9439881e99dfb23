import { connect } from "node:net";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
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
import { tcpServer, tlsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

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
    ["carriage returns only", `HTTP/1.1 200 OK\r\n${tail}`.replaceAll("\n", "")],
    ["a head of 17 KB", `HTTP/1.1 200 OK\r\nX-Pad: ${"a".repeat(17_000)}\r\n${tail}`],
    ["an odd status line", `HTTP/1.1  200 OK\r\n${tail}`],
    ["HTTP/0.9", secret],
    ["a truncated head", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n"],
  ])("%s, then a close, is no refusal", async (_name, strange) => {
    const port = await tlsServer(lax(), serving(strange, fin));
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("inconclusive");
    expect(endpoint.control.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
    expect(withOutcome(endpoint, "inconclusive")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
    expect(endpoint.reasons[0]).toContain(`${strange.length} bytes that are no answer`);
  });

  test("one with line feeds only is read, as by most clients", async () => {
    const strange = `HTTP/1.1 200 OK\r\n${tail}`.replaceAll("\r", "");
    const port = await tlsServer(lax(), serving(strange, fin));
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
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
