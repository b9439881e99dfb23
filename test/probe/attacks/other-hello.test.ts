import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, expect, test } from "vitest";
import { newWorld, onBoth, probed, selected, withOutcome, type World } from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** Serves whoever has a certificate, or agreed on what is let in. */
const serving = (isLax: (socket: TLSSocket) => boolean, options: TlsOptions = {}) =>
  httpsServer(
    {
      cert: world.server.pem,
      key: world.server.keyPem,
      ca: [world.root.pem],
      requestCert: true,
      rejectUnauthorized: false,
      sigalgs: "ecdsa_secp256r1_sha256",
      ...options,
    },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      response.writeHead(socket.authorized || isLax(socket) ? 200 : 403).end("hello");
    },
  );
/** The server takes the client's first suite. */
const clientsChoice = { honorCipherOrder: false };
const isChaCha = (socket: TLSSocket) => /CHACHA20/i.test(socket.getCipher().name);

const probing = (port: number) =>
  probed(world, `https://localhost:${port}/`, { attacks: selected("no-cert", "other-hello") });

test("a server that demands a certificate of everybody refuses each", async () => {
  const endpoint = await probing(await serving(() => false));
  expect(endpoint.reasons).toEqual([]);
  expect(endpoint.verdict).toBe("enforced");
  expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "other-hello"));
});

test("nor does the version that the server chooses matter to one that refuses in the handshake", async () => {
  const port = await serving(() => false, { rejectUnauthorized: true });
  const endpoint = await probing(port);
  expect(endpoint.reasons).toEqual([]);
  expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "other-hello"));
});

test.each(["TLSv1.2", "TLSv1.3"] as const)("so does one of %s alone", async (version) => {
  const port = await serving(() => false, { minVersion: version, maxVersion: version });
  const endpoint = await probing(port);
  expect(endpoint.verdict).toBe("enforced");
  expect(withOutcome(endpoint, "refused")).toEqual(
    ["no-cert", "other-hello"].map((id) => `${id}@${version.slice(4)}`),
  );
});

test("one that lets ChaCha20 in is found", async () => {
  const endpoint = await probing(await serving(isChaCha, clientsChoice));
  expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert"));
  expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-hello"));
  expect(endpoint.reasons[0]).toContain("ChaCha20 first");
});
