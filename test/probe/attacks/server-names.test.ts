import { randomUUID } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { probe } from "../../../src/probe/run.ts";
import { parseTarget } from "../../../src/probe/target.ts";
import { testLeaf } from "../support/certificates.ts";
import {
  newWorld,
  onBoth,
  openServer,
  outside,
  probed,
  requestFor,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";
import { isAuthorized } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const NAMES = ["no-sni", "unknown-sni", "odd-sni"];

/** Demands a certificate of those whose ClientHello names one of `names`, or none of them. */
const serving = (demands: (name: string | false) => boolean, certificate = world.server) =>
  httpsServer(
    strictServer(world, { cert: certificate.pem, key: certificate.keyPem, rejectUnauthorized: false }),
    (request, response) => {
      const socket = request.socket as TLSSocket & { readonly servername: string | false };
      response.writeHead(socket.authorized || !demands(socket.servername) ? 200 : 403).end("hello");
    },
  );

describe.concurrent("a client without a certificate, by the name it asks for", () => {
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

  test("no address is asked for as a name, neither the target's nor one of the certificate's", async () => {
    const names = ["localhost", "127.0.0.1"].map((value) => ({ type: "dns", value }) as const);
    const leaf = await testLeaf(world.ca, { commonName: "s", purpose: "server", chain: [world.ca], names });
    const asked = new Set<string | false>();
    const port = await serving((name) => asked.add(name) !== undefined, leaf);
    const attacks = selected("sni-host-mismatch", "resume-cross-host");
    await probed(world, `https://127.0.0.1:${port}/`, { attacks });
    expect([...asked]).toContain("localhost");
    expect([...asked]).not.toContain("127.0.0.1");
  });

  /** One host for its name, another for everybody who comes by another one. */
  const withDefaultHost = (page: (isValid: boolean) => string, demandsByHost: boolean) =>
    httpsServer(strictServer(world, { rejectUnauthorized: false }), (request, response) => {
      const { servername, authorized } = request.socket as TLSSocket & {
        readonly servername: string | false;
      };
      const isTarget = servername === "localhost" || request.headers.host?.startsWith("localhost:");
      if (isTarget && (demandsByHost || servername === "localhost"))
        response.writeHead(authorized ? 200 : 403).end(authorized ? "hello, fleet" : "no");
      else response.end(page(authorized));
    });

  test.each<[string, () => string]>([
    ["its own words", () => "welcome to the default host"],
    ["a page that differs each time", () => `<form><input value=${randomUUID()}></form>`],
  ])(
    "another virtual host that greets everybody in %s gives nothing of the target's away",
    async (_w, page) => {
      for (const demandsByHost of [true, false]) {
        const port = await withDefaultHost(page, demandsByHost);
        const attacks = selected("no-cert", "no-sni", "unknown-sni");
        const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
        expect([endpoint.reasons, endpoint.verdict]).toEqual([[], "enforced"]);
      }
    },
  );

  test.each<[string, (isValid: boolean) => string]>([
    ["the target's page to everybody", () => "hello, fleet"],
    ["something to strangers that it does not give to valid clients", (isValid) => (isValid ? "a" : "b")],
  ])("another virtual host, by its own name or by the address, gives %s", async (_what, page) => {
    const port = await withDefaultHost(page, true);
    const attacks = selected("no-cert", "no-sni", "unknown-sni");
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-sni", "unknown-sni"));
    expect(endpoint.reasons.every((reason) => reason.includes("(Host: "))).toBe(true);
  });
});

describe.concurrent("the name of a neighbour at the same port", () => {
  async function asNeighbour(demands: (name: string | false) => boolean, at?: number) {
    const port = at ?? (await serving(demands));
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

  test("leads to a page of its own, which is for everybody", async () => {
    const port = await httpsServer(openServer(world), (request, response) => {
      const { servername } = request.socket as TLSSocket & { readonly servername: string | false };
      if (servername === "neighbour.fleet.internal") response.end("welcome to the neighbour");
      else response.writeHead(isAuthorized(request) ? 200 : 403).end("hello");
    });
    const endpoint = await asNeighbour(() => true, port);
    expect([endpoint.reasons, endpoint.verdict]).toEqual([[], "enforced"]);
  });

  test("leads nowhere", async () => {
    const endpoint = await asNeighbour(() => true);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "sni-host-mismatch"));
  });
});

test("the host of the request leads past the server that demands a certificate of another name's clients", async () => {
  const open = await serving((name) => name !== "gateway.fleet.internal");
  const closed = await serving(() => true);
  const probing = async (port: number) => {
    const url = `https://gateway.fleet.internal:${port}/`;
    const addresses = new Map([
      [`gateway.fleet.internal:${port}`, [{ address: "127.0.0.1", family: 4 } as const]],
    ]);
    const attacks = selected("no-cert", "sni-host-mismatch");
    const targets = [{ ...parseTarget(url), serverName: "localhost" }];
    return probed(world, url, { attacks, targets, addresses });
  };
  expect(withOutcome(await probing(open), "accepted")).toEqual(onBoth("sni-host-mismatch"));
  expect((await probing(closed)).verdict).toBe("enforced");
});

describe.concurrent("the other names of the server's own certificate", () => {
  const withNames = (...names: string[]) =>
    testLeaf(world.ca, {
      commonName: "server",
      purpose: "server",
      chain: [world.ca],
      names: ["localhost", ...names].map((value) => ({ type: "dns", value })),
    });
  async function lettingIn(lax: string | undefined, ...names: string[]) {
    const port = await serving((name) => name !== lax, await withNames(...names));
    const attacks = selected("no-cert", "sni-host-mismatch");
    return probed(world, `https://localhost:${port}/`, { attacks });
  }

  test.each<[string, string[]]>([
    ["gateway.fleet.internal", ["gateway.fleet.internal"]],
    ["fleetsec-probe.fleet.internal", ["LOCALHOST", "*.fleet.internal"]],
    ["fleetsec-probe.localhost", ["*.localhost"]],
    ["d.example", ["a.example", "b.example", "c.example", "d.example", "e.example"]],
  ])("%s leads past the server that demands a certificate", async (lax, names) => {
    const open = await lettingIn(lax, ...names);
    expect(withOutcome(open, "accepted")).toEqual(onBoth("sni-host-mismatch"));
    expect(open.reasons[0]).toContain(`as ${lax}`);
    const strict = await lettingIn(undefined, ...names);
    expect(withOutcome(strict, "refused")).toEqual(onBoth("no-cert", "sni-host-mismatch"));
    expect(strict.verdict).toBe("enforced");
  });

  test("no more than four are tried, in the order of the certificate", async () => {
    const names = ["a.example", "b.example", "c.example", "d.example", "e.example"];
    expect((await lettingIn("e.example", ...names)).verdict).toBe("enforced");
  });

  test("a certificate without another name leaves nothing to try", async () => {
    const without = await lettingIn(undefined);
    expect(withOutcome(without, "not-run")).toEqual(expect.arrayContaining(onBoth("sni-host-mismatch")));
    expect(withOutcome(without, "refused")).toEqual(onBoth("no-cert"));
  });

  test("the host is asked for under the other name too", async () => {
    const { pem, keyPem } = await withNames("gateway.fleet.internal");
    const port = await httpsServer(
      strictServer(world, { cert: pem, key: keyPem, rejectUnauthorized: false }),
      (request, response) => {
        const { authorized } = request.socket as TLSSocket;
        const isLax = request.headers.host === `gateway.fleet.internal:${port}`;
        response.writeHead(authorized || isLax ? 200 : 403).end("hello");
      },
    );
    const attacks = selected("no-cert", "unknown-sni", "sni-host-mismatch");
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("sni-host-mismatch"));
    expect(endpoint.reasons[0]).toContain(`as gateway.fleet.internal, Host: gateway.fleet.internal:${port}`);
  });
});
