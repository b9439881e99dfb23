import { createSecureServer } from "node:http2";
import type { TlsOptions } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import {
  newWorld,
  on13,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer, listening } from "../support/servers.ts";
import { always, authorized, deny, isAuthorized, SECRET, serve } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, { minVersion: "TLSv1.3", ...changes });
/** The application decides. */
const open = () => strict({ rejectUnauthorized: false });

const HTTP_ATTACKS = [
  "header-spoof",
  "path-tricks",
  "authority-switch",
  "other-alpn",
  "h2c-upgrade",
  "starttls",
  "upgrade-tls",
];
const attacks = selected("no-cert", ...HTTP_ATTACKS);

describe.concurrent("a strict server refuses them all", () => {
  test.each([
    ["in TLS", () => strict(), always],
    ["in the application", open, authorized],
  ])("%s", async (_where, options, onRequest) => {
    const port = await httpsServer(options(), onRequest);
    const endpoint = await probed(world, `https://localhost:${port}/secret`, { attacks });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(on13(...HTTP_ATTACKS)));
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });

  test("and says what the valid client says, over HTTP/2 too", async () => {
    const server = createSecureServer(
      { ...strict(), allowHTTP1: true },
      (_request, response) => void response.end(SECRET),
    );
    server.on("sessionError", () => {});
    const endpoint = await probed(world, `h2://localhost:${await listening(server)}/secret`, { attacks });
    expect(endpoint.reasons).toEqual([]);
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(on13(...HTTP_ATTACKS)));
  });
});

describe.concurrent("an application that turns clients away in its own words", () => {
  test.each([
    [404, {}],
    [410, {}],
    [302, { location: "/login" }],
  ])("by %i is strict", async (status, fields) => {
    const port = await httpsServer(open(), (request, response) =>
      isAuthorized(request) ? serve(response) : void response.writeHead(status, fields).end("go away"),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("is strict, whatever it says, where a canary is known", async () => {
    const port = await httpsServer(open(), (request, response) => {
      if (request.method !== "GET") return void response.writeHead(501).end();
      return isAuthorized(request) ? serve(response) : void response.end("log in");
    });
    const canary = { attacks, canary: SECRET };
    const endpoint = await probed(world, `https://localhost:${port}/`, canary);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(on13("other-alpn")));
  });

  test.each([401, 404])(
    "is strict where valid clients get %i, and others a 405 that the router gives to everybody",
    async (status) => {
      const port = await httpsServer(open(), (request, response) => {
        if (request.method !== "GET") return void response.writeHead(405).end("not allowed");
        return isAuthorized(request) ? void response.writeHead(status).end("no such tender") : deny(response);
      });
      const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
      expect(endpoint.reasons).toEqual([]);
      expect(endpoint.verdict).toBe("enforced");
    },
  );

  test("is strict where another host, or an odd path, is a fault whoever asks for it", async () => {
    const port = await httpsServer(open(), (request, response) => {
      const host = String(request.headers.host);
      const isOdd = request.url !== "/secret" || !host.startsWith("localhost:");
      return isOdd ? void response.writeHead(503).end("no backend") : authorized(request, response);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, { attacks });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("is not judged where only the attacker meets the fault", async () => {
    const port = await httpsServer(open(), (request, response) => {
      const host = String(request.headers.host);
      const fails = !isAuthorized(request) && !host.startsWith("localhost:");
      return fails ? void response.writeHead(503).end("no backend") : authorized(request, response);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, {
      attacks: selected("no-cert", "authority-switch"),
    });
    expect(endpoint.verdict).toBe("inconclusive");
    expect(withOutcome(endpoint, "inconclusive")).toEqual(on13("authority-switch"));
  });
});
