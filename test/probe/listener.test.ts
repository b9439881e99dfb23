import { randomBytes } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { attackNamed } from "../../src/probe/attacks.ts";
import { probe } from "../../src/probe/run.ts";
import { parseTarget } from "../../src/probe/target.ts";
import { newWorld, outside, requestFor, strictServer, type World } from "./support/probing.ts";
import { httpsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const ids = ["no-cert", "self-signed", "wrong-ca"];

/** Probes the paths of a server; the connections of each, and what was found. */
async function probePaths(options: TlsOptions, onRequest: RequestListener, ...paths: string[]) {
  const port = await httpsServer(strictServer(world, options), onRequest);
  const targets = paths.map((path) => parseTarget(`https://127.0.0.1:${port}${path}`));
  const connections = new Map<string, number>();
  const result = await probe(
    requestFor(world, targets[0]?.url ?? "", { targets, attacks: ids.map(attackNamed) }),
    outside,
    ({ target, connections: count }) => connections.set(target, count),
  );
  return { ...result, connections: targets.map(({ url }) => connections.get(url) ?? 0) };
}

const hello = (_request: IncomingMessage, response: ServerResponse) => void response.end("hello");

describe("targets behind one listener", () => {
  test("share what is refused in the handshake: no later one is attacked again", async () => {
    const { endpoints, connections } = await probePaths(
      { rejectUnauthorized: true },
      hello,
      "/a",
      "/b",
      "/c",
    );
    expect(endpoints.map(({ verdict }) => verdict)).toEqual(["enforced", "enforced", "enforced"]);
    // TLS 1.2 is refused within the handshake; in TLS 1.3 the refusal may come after the request, on a slow machine
    const [first = 0, ...others] = connections;
    for (const count of others) expect(count).toBeLessThan(first);
  });

  test.each([
    ["a 403", (response: ServerResponse) => void response.writeHead(403).end()],
    ["a close", (response: ServerResponse) => void response.socket?.destroy()],
  ])("do not share %s that comes after the request", async (_what, refuse) => {
    const perPath: RequestListener = (request, response) => {
      const open = request.url !== "/closed" || (request.socket as TLSSocket).authorized;
      if (open) response.end("hello");
      else refuse(response);
    };
    const { endpoints } = await probePaths(
      { rejectUnauthorized: false },
      perPath,
      "/closed",
      "/open",
      "/closed",
    );
    expect(endpoints.map(({ verdict }) => verdict)).toEqual(["enforced", "bypassed", "enforced"]);
  });

  test("do not share what a path showed that valid clients may not use", async () => {
    const notFirst: RequestListener = (request, response) => {
      response.statusCode = request.url === "/no" ? 403 : 200;
      response.end();
    };
    const { endpoints } = await probePaths({ rejectUnauthorized: true }, notFirst, "/no", "/a", "/b");
    expect(endpoints.map(({ verdict }) => verdict)).toEqual(["inconclusive", "enforced", "enforced"]);
  });

  describe("and the sessions of other listeners", () => {
    /** Connections for each path of a service that decides for itself, beside listeners that give sessions to all. */
    const probeBeside = async (ticketKeys: Buffer | undefined, others: number, ...paths: string[]) => {
      const shared = ticketKeys === undefined ? {} : { ticketKeys };
      const options = strictServer(world, { rejectUnauthorized: false, maxVersion: "TLSv1.2", ...shared });
      const port = await httpsServer(options, (request, response) => {
        const socket = request.socket as TLSSocket;
        const isServed = socket.authorized || (request.url === "/b" && socket.isSessionReused());
        response.writeHead(isServed ? 200 : 403).end("hello");
      });
      const lax = strictServer(world, { requestCert: false, rejectUnauthorized: false, ...shared });
      const beside = await Promise.all(Array.from({ length: others }, async () => httpsServer(lax, hello)));
      const own = paths.map((path) => `https://127.0.0.1:${port}${path}`);
      const connections = new Map<string, number>();
      const targets = [...own, ...beside.map((one) => `https://127.0.0.1:${one}/`)].map((one) =>
        parseTarget(one),
      );
      const { endpoints } = await probe(
        requestFor(world, own[0] ?? "", {
          targets,
          attacks: ["no-cert", "resume-cross-host"].map(attackNamed),
        }),
        outside,
        ({ target, connections: count }) => connections.set(target, count),
      );
      return {
        endpoints: endpoints.slice(0, own.length),
        counts: own.map((url) => connections.get(url) ?? 0),
      };
    };

    test("are tried at one of them, where the listener takes none", async () => {
      const few = await probeBeside(undefined, 1, "/a", "/c");
      const more = await probeBeside(undefined, 5, "/a", "/c");
      expect(more.endpoints.flatMap(({ reasons }) => reasons)).toEqual([]);
      expect(more.counts[0]).toBeGreaterThan(few.counts[0] ?? 0);
      expect(more.counts[1]).toBe(few.counts[1]);
    });

    test("are tried at each, where it takes them: one may let them in", async () => {
      const { endpoints } = await probeBeside(randomBytes(48), 1, "/a", "/b", "/c");
      expect(endpoints.map(({ verdict }) => verdict)).toEqual(["enforced", "bypassed", "enforced"]);
    });
  });
});
