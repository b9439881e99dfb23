import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { probe } from "../../../src/probe/run.ts";
import { parseTarget } from "../../../src/probe/target.ts";
import {
  newWorld,
  onBoth,
  outside,
  probed,
  requestFor,
  selected,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const NAMES = ["no-sni", "unknown-sni", "odd-sni"];

/** Demands a certificate of those whose ClientHello names one of `names`, or none of them. */
const serving = (demands: (name: string | false) => boolean) =>
  httpsServer(
    {
      cert: world.server.pem,
      key: world.server.keyPem,
      ca: [world.root.pem],
      requestCert: true,
      rejectUnauthorized: false,
      sigalgs: "ecdsa_secp256r1_sha256",
    },
    (request, response) => {
      const socket = request.socket as TLSSocket & { readonly servername: string | false };
      response.writeHead(socket.authorized || !demands(socket.servername) ? 200 : 403).end("hello");
    },
  );

describe("a client without a certificate, by the name it asks for", () => {
  test.each<[string, (name: string | false) => boolean, string[]]>([
    ["every name is protected", () => true, []],
    ["none is not", (name) => name !== false, onBoth("no-sni")],
    ["an unknown one is not", (name) => name !== "fleetsec-probe.invalid", onBoth("unknown-sni")],
    ["an odd spelling is not", (name) => name === false || !/^LOCAL|\.$/.test(name), onBoth("odd-sni")],
    ["one name alone is", (name) => name === "localhost", onBoth(...NAMES)],
  ])("%s", async (_name, demands, accepted) => {
    const port = await serving(demands);
    const attacks = selected("no-cert", ...NAMES);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(accepted);
    expect(withOutcome(endpoint, "refused").length).toBe(8 - accepted.length);
    expect(endpoint.verdict).toBe(accepted.length === 0 ? "enforced" : "bypassed");
  });

  test("an address has no name to leave out or to misspell", async () => {
    const port = await serving(() => true);
    const endpoint = await probed(world, `https://127.0.0.1:${port}/`, {
      attacks: selected("no-cert", ...NAMES),
    });
    expect(withOutcome(endpoint, "not-applicable")).toEqual(onBoth("no-sni", "odd-sni"));
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "unknown-sni"));
  });

  test("another virtual host that greets everybody in its own words is no proof either way", async () => {
    const port = await httpsServer(
      {
        cert: world.server.pem,
        key: world.server.keyPem,
        ca: [world.root.pem],
        requestCert: true,
        rejectUnauthorized: false,
        sigalgs: "ecdsa_secp256r1_sha256",
      },
      (request, response) => {
        const socket = request.socket as TLSSocket & { readonly servername: string | false };
        if (socket.servername !== "localhost") response.end("welcome to the default host");
        else response.writeHead(socket.authorized ? 200 : 403).end(socket.authorized ? "hello" : "no");
      },
    );
    const url = `https://localhost:${port}/`;
    const attacks = selected("no-cert", "unknown-sni");
    expect((await probed(world, url, { attacks })).verdict).toBe("inconclusive");
    expect((await probed(world, url, { attacks, canary: "hello" })).verdict).toBe("enforced");
  });
});

describe("the name of a neighbour at the same port", () => {
  async function asNeighbour(demands: (name: string | false) => boolean) {
    const port = await serving(demands);
    const url = `https://localhost:${port}/`;
    const request = requestFor(world, url, { attacks: selected("no-cert", "sni-host-mismatch") });
    const neighbour = parseTarget(`https://neighbour.fleet.internal:${port}/`);
    const address = { address: "127.0.0.1", family: 4 } as const;
    const addresses = new Map([
      [`localhost:${port}`, [address]],
      [`neighbour.fleet.internal:${port}`, [address]],
    ]);
    const targets = [...request.targets, neighbour];
    const { endpoints } = await probe({ ...request, targets, addresses }, outside, () => {});
    const found = endpoints.find(({ target }) => target === url);
    if (found === undefined) throw new Error("no endpoint");
    return found;
  }

  test("leads past the server that demands a certificate", async () => {
    const endpoint = await asNeighbour((name) => name !== "neighbour.fleet.internal");
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("sni-host-mismatch"));
    expect(endpoint.reasons[0]).toContain("as neighbour.fleet.internal");
  });

  test("leads nowhere", async () => {
    const endpoint = await asNeighbour(() => true);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "sni-host-mismatch"));
  });
});
