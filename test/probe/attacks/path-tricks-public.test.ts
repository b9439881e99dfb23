import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import {
  evidenceOf,
  newWorld,
  on13,
  probed,
  selected,
  openServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";
import { always, authorized, deny, isAuthorized, SECRET, serve } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const attacks = selected("no-cert", "path-tricks");

describe.concurrent("path-tricks, where others get something too", () => {
  test("OPTIONS that everybody may ask is none", async () => {
    const port = await httpsServer(openServer(world), (request, response) =>
      request.method === "OPTIONS" ? void response.writeHead(204).end() : authorized(request, response),
    );
    const endpoint = await probed(world, `https://localhost:${port}/secret`, { attacks });
    expect(endpoint.verdict).toBe("enforced");
  });

  test.each<[string, string, RequestListener]>([
    ["OPTIONS", "204, as is the target's answer", (_request, response) => void response.writeHead(204).end()],
    ["HEAD", "200 without a word of the target", (_request, response) => void response.writeHead(200).end()],
  ])("nor is %s that everybody may ask: a %s", async (method, _what, greet) => {
    const port = await httpsServer(openServer(world), (request, response) => {
      if (request.method === method) return greet(request, response);
      if (!isAuthorized(request)) return deny(response);
      return method === "OPTIONS" ? void response.writeHead(204).end() : serve(response);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test.each([
    ["etag", '"the fleet"'],
    ["last-modified", "Mon, 30 Nov 2026 03:00:00 GMT"],
  ])("HEAD that tells strangers the target's %s is a bypass", async (name, value) => {
    const port = await httpsServer(openServer(world), (request, response) => {
      if (request.method !== "HEAD" && !isAuthorized(request)) return deny(response);
      response.writeHead(200, { [name]: value, "transfer-encoding": "chunked" }).end(SECRET);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("path-tricks"));
    expect(evidenceOf(endpoint, "path-tricks")).toContain("(HEAD)");
  });

  const without = (what: string): RequestListener => {
    return (_request, response) => void response.writeHead(401).end(`${what} required`);
  };
  const refusing: RequestListener = (request, response) =>
    without(isAuthorized(request) ? "token" : "certificate")(request, response);

  test("a 401 for want of a token is no bypass: HEAD has nothing to tell it by", async () => {
    const url = `https://localhost:${await httpsServer(openServer(world), refusing)}/`;
    const endpoint = await probed(world, url, { attacks: selected("no-cert", "path-tricks", "other-alpn") });
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
    expect(endpoint.verdict).toBe("inconclusive");
  });

  test("an empty 404 for everybody, valid clients too, is what strangers must not get", async () => {
    const missing: RequestListener = (_request, response) => void response.writeHead(404).end();
    const url = `https://localhost:${await httpsServer(openServer(world), missing)}/`;
    const endpoint = await probed(world, url, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(expect.arrayContaining(on13("no-cert")));
    expect(endpoint.verdict).toBe("bypassed");
  });

  test.each(["", "HEAD "])("%sgranted to everybody is a bypass", async (method) => {
    const url = `${method}https://localhost:${await httpsServer(openServer(world), always)}/`;
    const endpoint = await probed(world, url, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(expect.arrayContaining(on13("no-cert")));
    expect(endpoint.verdict).toBe("bypassed");
  });

  test.each<[string, (request: IncomingMessage) => string]>([
    [
      "greet their own clients",
      (request) => (isAuthorized(request) ? "Logged in as client" : "Please log in"),
    ],
    ["are the same for all", () => "public"],
  ])("nor are public pages that differ each time and %s", async (_what, words) => {
    const port = await httpsServer(openServer(world), (request, response) =>
      request.url === "/secret"
        ? authorized(request, response)
        : void response.end(`<html>nonce ${randomUUID()} ${words(request)}</html>`),
    );
    const url = `https://localhost:${port}/secret`;
    const endpoint = await probed(world, url, { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test("a stranger greeted in other words, where valid clients get the target's, is let in", async () => {
    const port = await httpsServer(openServer(world), (request, response) => {
      if (request.url === "/secret") return authorized(request, response);
      if (isAuthorized(request)) return serve(response);
      response.end("the fleet's secret for guests");
    });
    const url = `https://localhost:${port}/secret`;
    const endpoint = await probed(world, url, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("path-tricks"));
  });

  test("public pages at other paths are no bypass", async () => {
    const port = await httpsServer(openServer(world), (request, response) =>
      request.url === "/api/secret" ? authorized(request, response) : void response.end("a public page"),
    );
    const endpoint = await probed(world, `https://localhost:${port}/api/secret`, { attacks });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("nor is a page that is missing, where valid clients get nothing else", async () => {
    const port = await httpsServer(openServer(world), (request, response) => {
      if (request.url === "/api" && !isAuthorized(request)) return deny(response);
      response.writeHead(404).end("not found");
    });
    const endpoint = await probed(world, `https://localhost:${port}/api`, { attacks });
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });
});
