import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { byHello } from "./support/by-hello.ts";
import { newWorld, probed, selected, strictServer, withOutcome, type World } from "./support/probing.ts";
import { httpsServer, tcpServer } from "./support/servers.ts";
import { relay } from "./support/sniffing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const HANDSHAKE = 0x16;
const SUPPORTED_VERSIONS = 43;

/** A port with a server for each TLS version, and something else for who begins without TLS. */
async function probing(newer: number, older: number, otherwise: (socket: Socket) => void) {
  const inner = await byHello(({ extensions }) => (extensions.has(SUPPORTED_VERSIONS) ? newer : older));
  const port = await tcpServer((socket) => {
    socket.once("data", (first: Buffer) => {
      if (first[0] === HANDSHAKE) relay(socket, first, inner);
      else otherwise(socket);
    });
  });
  return probed(world, `https://localhost:${port}/`, {
    attacks: selected("no-cert", "self-signed", "wrong-ca", "starttls", "upgrade-tls"),
    timeout: 500,
  });
}

describe.concurrent("what is said without TLS, where valid clients are served over TLS 1.2 alone", () => {
  const hello = (socket: Socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  const answering = (status: number) => {
    const options = strictServer(world, { rejectUnauthorized: false });
    return httpsServer(options, (request, response) => {
      response.writeHead((request.socket as TLSSocket).authorized ? status : 403).end("hello");
    });
  };
  const serving = () => answering(200);
  const refusing = () => answering(403);

  test("is judged there, though it is met beside TLS 1.3 too", async () => {
    const endpoint = await probing(await refusing(), await serving(), () => {});
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(endpoint.control.map(({ tls, outcome }) => `${tls} ${outcome}`)).toEqual([
      "1.3 refused",
      "1.2 accepted",
    ]);
    expect(withOutcome(endpoint, "refused")).toEqual(
      ["no-cert", "self-signed", "wrong-ca", "starttls", "upgrade-tls"].map((id) => `${id}@1.2`),
    );
  });

  test("is a bypass beside either where it is served", async () => {
    const endpoint = await probing(await refusing(), await serving(), hello);
    expect(withOutcome(endpoint, "accepted")).toContain("upgrade-tls@1.2");
  });

  test("stays unclear where they are served over neither", async () => {
    const endpoint = await probing(await refusing(), await refusing(), () => {});
    expect(endpoint.verdict).toBe("inconclusive");
    expect(withOutcome(endpoint, "inconclusive")).toEqual(
      expect.arrayContaining(["starttls@1.3", "upgrade-tls@1.3"]),
    );
  });
});
