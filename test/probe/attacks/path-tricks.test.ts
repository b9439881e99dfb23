import type { IncomingMessage, RequestListener } from "node:http";
import { posix } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseTarget } from "../../../src/probe/target.ts";
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
import { authorized, deny, isAuthorized, SECRET, serve } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const attacks = selected("no-cert", "path-tricks");

describe.concurrent("path-tricks", () => {
  /** A gateway that looks at the path as it is written, before a service that reads it in its own way. */
  const behind =
    (read: (path: string) => string): RequestListener =>
    (request, response) => {
      const path = request.url ?? "/";
      if (path.startsWith("/api/secret") && !isAuthorized(request)) return deny(response);
      if (read(path) === "/api/secret") return serve(response);
      response.end("a public page");
    };

  test.each([
    ["merges slashes", (path: string) => path.replaceAll(/\/+/g, "/")],
    ["resolves dots", (path: string) => posix.normalize(path)],
    ["decodes", (path: string) => decodeURIComponent(path)],
    ["drops parameters", (path: string) => path.replaceAll(/;[^/]*/g, "")],
    ["ignores case", (path: string) => path.toLowerCase()],
    ["takes a backslash for a slash", (path: string) => path.replaceAll(/[\\/]+/g, "/")],
  ])("finds a service that %s", async (_how, read) => {
    const port = await httpsServer(openServer(world), behind(read));
    const endpoint = await probed(world, `https://localhost:${port}/api/secret`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("path-tricks"));
  });

  test("a rule for GET alone is found by HEAD", async () => {
    const port = await httpsServer(openServer(world), (request, response) =>
      request.method === "GET" && !isAuthorized(request)
        ? deny(response)
        : void response.writeHead(200, { "content-length": SECRET.length }).end(SECRET),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(evidenceOf(endpoint, "path-tricks")).toBe("HTTP 200, as for a valid client (HEAD)");
  });

  test.each<[string, (request: IncomingMessage) => boolean]>([
    ["a query", ({ url }) => url === "/secret?x"],
    ["HTTP/1.0", ({ httpVersion, headers }) => httpVersion === "1.0" && headers.host !== undefined],
    ["HTTP/1.0 without Host", ({ headers }) => headers.host === undefined],
    [
      "PROPFIND",
      ({ method }) => !["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"].includes(method ?? ""),
    ],
    ["OPTIONS", ({ method }) => method === "OPTIONS"],
    [
      "OPTIONS with X-HTTP-Method-Override",
      ({ method, headers }) => method === "OPTIONS" && headers["x-http-method-override"] === "GET",
    ],
    ["Range", ({ headers }) => headers.range !== undefined],
    [".css", ({ url }) => url === "/secret.css"],
    ["/\\", ({ url }) => url === "/\\secret"],
    ["%00", ({ url }) => url === "/secret%00"],
  ])("%s that leads around a rule is found", async (kind, slips) => {
    const port = await httpsServer(openServer(world), (request, response) =>
      isAuthorized(request) || slips(request) ? serve(response) : deny(response),
    );
    const endpoint = await probed(world, `https://localhost:${port}/secret`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("path-tricks"));
    expect(evidenceOf(endpoint, "path-tricks")).toContain(`(${kind})`);
  });

  /** What is asked, and by whom; @param slips to whom the rule does not apply */
  const heard = async (method: string, unsafe: boolean, slips: (request: IncomingMessage) => boolean) => {
    const requests: { method: string | undefined; known: boolean; length: string | undefined }[] = [];
    const port = await httpsServer(openServer(world), (request, response) => {
      const known = isAuthorized(request);
      requests.push({ method: request.method, known, length: request.headers["content-length"] });
      return known || slips(request) ? serve(response) : deny(response);
    });
    const target = parseTarget(`${method}https://localhost:${port}/secret`);
    const targets = [{ ...target, unsafeMethods: unsafe }];
    const endpoint = await probed(world, target.url, { attacks, targets });
    return { endpoint, requests };
  };
  const CHANGING = ["POST", "PUT", "PATCH", "DELETE"];

  test.each(CHANGING)("a rule that forgets %s is found where unsafe methods are allowed", async (method) => {
    const { endpoint, requests } = await heard("", true, (request) => request.method === method);
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("path-tricks"));
    expect(evidenceOf(endpoint, "path-tricks")).toBe(`HTTP 200, as the control (${method})`);
    const sent = requests.filter((one) => CHANGING.includes(one.method ?? ""));
    expect(sent.some(({ known }) => known)).toBe(false);
    expect(sent.map(({ length }) => length)).toEqual(sent.map(() => "0"));
  });

  test("a strict rule is tried with all of them, and is enforced", async () => {
    const { endpoint, requests } = await heard("", true, () => false);
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    const methods = requests.filter(({ known }) => !known).map((one) => one.method);
    expect(methods).toEqual(expect.arrayContaining(CHANGING));
  });

  test("where they are not allowed none of them is sent, and what they lead to is not found", async () => {
    const { endpoint, requests } = await heard("", false, ({ method }) => CHANGING.includes(String(method)));
    expect(requests.filter((one) => CHANGING.includes(one.method ?? ""))).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("in the valid client's name no other than the target's own is sent, whatever strangers get", async () => {
    const asked: string[] = [];
    const port = await httpsServer(openServer(world), (request, response) => {
      if (isAuthorized(request)) asked.push(String(request.method));
      if (CHANGING.includes(String(request.method))) return void response.writeHead(501).end();
      return authorized(request, response);
    });
    const target = { ...parseTarget(`https://localhost:${port}/secret`), unsafeMethods: true };
    const endpoint = await probed(world, target.url, { attacks, targets: [target] });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(asked).not.toEqual([]);
    expect(asked.filter((method) => CHANGING.includes(method))).toEqual([]);
  });

  test.each<[string, (request: IncomingMessage) => boolean]>([
    ["//", ({ url }) => url === "//secret"],
    ["GET", ({ method }) => method === "GET"],
    ["PUT", ({ method }) => method === "PUT"],
  ])("a target that is asked by POST has paths and methods too: %s", async (kind, slips) => {
    const { endpoint, requests } = await heard("POST ", true, slips);
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("path-tricks"));
    expect(evidenceOf(endpoint, "path-tricks")).toBe(`HTTP 200, as the control (${kind})`);
    expect(requests.filter((one) => one.known && one.method === "POST")).not.toEqual([]);
  });

  test("a form that everybody may get is no bypass of what is posted to it", async () => {
    const port = await httpsServer(openServer(world), (request, response) => {
      if (request.method === "POST") return authorized(request, response);
      const isForm = request.method === "GET" || request.method === "HEAD";
      response.writeHead(isForm ? 200 : 405).end("<form method=post>");
    });
    const target = { ...parseTarget(`POST https://localhost:${port}/secret`), unsafeMethods: true };
    const endpoint = await probed(world, target.url, { attacks, targets: [target] });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test("a PROPFIND asks for nothing that lies below", async () => {
    const depths: (string | undefined)[] = [];
    const port = await httpsServer(openServer(world), (request, response) => {
      if (request.method === "PROPFIND") depths.push(request.headers["depth"] as string | undefined);
      return authorized(request, response);
    });
    await probed(world, `https://localhost:${port}/`, { attacks });
    expect([depths.length > 0, depths.every((depth) => depth === "0")]).toEqual([true, true]);
  });

  test("a page for who names no host is no bypass", async () => {
    const port = await httpsServer(openServer(world), (request, response) =>
      request.headers.host === undefined ? void response.end("welcome") : authorized(request, response),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });
});
