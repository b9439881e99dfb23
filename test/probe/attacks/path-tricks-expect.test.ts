import { createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
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
import { httpsServer, listening } from "../support/servers.ts";
import { authorized, deny, isAuthorized, serve } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const attacks = selected("no-cert", "path-tricks");

describe.concurrent("path-tricks, by Expect and by what stands beside the request line", () => {
  describe.each(["https", "h2"])("`Expect` over %s, an event of its own in Node", (scheme) => {
    test.each([
      ["checkContinue", "Expect"],
      ["checkExpectation", "Expect: fleetsec"],
    ])("%s without a check is found, with one it is strict", async (event, kind) => {
      const probing = async (isChecked: boolean) => {
        const server =
          scheme === "h2" ? createSecureServer(openServer(world)) : createServer(openServer(world));
        server.on("request", authorized as never).on("sessionError", () => {});
        server.on(event, (request: IncomingMessage, response: ServerResponse) =>
          isChecked ? authorized(request, response) : serve(response),
        );
        const url = `${scheme}://localhost:${await listening(server)}/secret`;
        return probed(world, url, { attacks });
      };
      const lax = await probing(false);
      expect(withOutcome(lax, "accepted")).toEqual(on13("path-tricks"));
      expect(evidenceOf(lax, "path-tricks")).toBe(`HTTP 200, as the control (${kind})`);
      const enforced = await probing(true);
      expect([enforced.verdict, enforced.reasons]).toEqual(["enforced", []]);
    });
  });

  test.each([
    ["that asks for no certificate is found", false, "bypassed", "HTTP 200, as the control (Expect)"],
    ["that asks for one as well is strict", true, "enforced", "HTTP 403; the control: HTTP 200 (//, "],
  ])("a checkContinue event %s", async (_what, isChecked, verdict, evidence) => {
    const server = createServer(openServer(world), authorized).on("checkContinue", (request, response) => {
      if (isChecked && !isAuthorized(request)) return deny(response);
      response.writeContinue();
      serve(response);
    });
    const port = await listening(server);
    const endpoint = await probed(world, `https://localhost:${port}/secret`, { attacks });
    expect(endpoint.verdict).toBe(verdict);
    expect(evidenceOf(endpoint, "path-tricks")).toContain(evidence);
  });

  test.each([
    ["and then closes has refused", false, "enforced", "closed without an answer"],
    ["and then serves is found", true, "bypassed", "HTTP 200, as the control (Expect)"],
  ])("a server that says 100 Continue by itself %s", async (_what, isLax, verdict, evidence) => {
    const port = await httpsServer(openServer(world), (request, response) => {
      const isServed = isAuthorized(request) || (isLax && request.headers.expect !== undefined);
      // whoever looks at the client first has what Node says of itself go out before
      setTimeout(() => (isServed ? serve(response) : void request.socket.destroy()), 20);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, {
      attacks: selected("no-cert", "path-tricks", "other-alpn"),
    });
    expect(endpoint.verdict).toBe(verdict);
    expect(evidenceOf(endpoint, "path-tricks")).toContain(evidence);
  });

  /** A gateway that looks at what stands in the request line, before a service that asks for the path elsewhere. */
  test.each<[string, (request: IncomingMessage) => string]>([
    ["a whole URL", ({ url = "" }) => url.replace(/^https:\/\/[^/]*/, "")],
    ["X-Original-URL", ({ url, headers }) => String(headers["x-original-url"] ?? url)],
    ["X-Original-URL", ({ url, headers }) => String(headers["x-rewrite-url"] ?? url)],
  ])("%s that leads around a rule is found, but for a rule at the service", async (kind, read) => {
    const checking =
      (guarded: (request: IncomingMessage) => string): RequestListener =>
      (request, response) => {
        if (guarded(request) === "/secret" && !isAuthorized(request)) return deny(response);
        return read(request) === "/secret" ? serve(response) : void response.writeHead(404).end("nothing");
      };
    const probing = async (onRequest: RequestListener) => {
      const url = `https://localhost:${await httpsServer(openServer(world), onRequest)}/secret`;
      return probed(world, url, { attacks });
    };
    const lax = await probing(checking(({ url = "" }) => url));
    expect(withOutcome(lax, "accepted")).toEqual(on13("path-tricks"));
    expect(evidenceOf(lax, "path-tricks")).toBe(`HTTP 200, as the control (${kind})`);
    const enforced = await probing(checking(read));
    expect([enforced.verdict, enforced.reasons]).toEqual(["enforced", []]);
  });
});
