import { randomUUID } from "node:crypto";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer } from "node:https";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { posix } from "node:path";
import type { Duplex } from "node:stream";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { attackNamed } from "../../../src/probe/attacks.ts";
import { Flag, frame, FrameType } from "../../../src/probe/protocols/http2/frames.ts";
import { encodeFields } from "../../../src/probe/protocols/http2/hpack.ts";
import { parseTarget } from "../../../src/probe/target.ts";
import { newWorld, onBoth, probed, strictServer, withOutcome, type World } from "../support/probing.ts";
import { httpsServer, listening } from "../support/servers.ts";
import { relay, sniffingServer, upgradeToLaxTls } from "../support/sniffing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
/** The application decides. */
const open = () => strict({ rejectUnauthorized: false });

const SECRET = "the fleet's secret";
const isAuthorized = ({ socket }: IncomingMessage) => (socket as TLSSocket).authorized;
const serve = (response: ServerResponse) => void response.end(SECRET);
const deny = (response: ServerResponse) => void response.writeHead(403).end("no");
const always: RequestListener = (_request, response) => serve(response);
const authorized: RequestListener = (request, response) =>
  isAuthorized(request) ? serve(response) : deny(response);

const HTTP_ATTACKS = [
  "header-spoof",
  "path-tricks",
  "authority-switch",
  "other-alpn",
  "h2c-upgrade",
  "starttls",
  "upgrade-tls",
];
const selected = (...ids: string[]) => ({ attacks: ["no-cert", ...ids].map(attackNamed) });
const evidenceOf = (endpoint: Awaited<ReturnType<typeof probed>>, wanted: string) =>
  endpoint.attacks.find(({ id, outcome }) => id === wanted && outcome !== "not-run")?.evidence;

describe("a strict server refuses them all", () => {
  test.each([
    ["in TLS", () => strict(), always],
    ["in the application", open, authorized],
  ])("%s", async (_where, options, onRequest) => {
    const port = await httpsServer(options(), onRequest);
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected(...HTTP_ATTACKS));
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth(...HTTP_ATTACKS)));
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });

  test("and says what the valid client says, over HTTP/2 too", async () => {
    const server = createSecureServer(
      { ...strict(), allowHTTP1: true },
      (_request, response) => void response.end(SECRET),
    );
    server.on("sessionError", () => {});
    const endpoint = await probed(
      world,
      `h2://localhost:${await listening(server)}/secret`,
      selected(...HTTP_ATTACKS),
    );
    expect(endpoint.reasons).toEqual([]);
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth(...HTTP_ATTACKS)));
  });
});

describe("an application that turns clients away in its own words", () => {
  test.each([
    [404, {}],
    [410, {}],
    [302, { location: "/login" }],
  ])("by %i is strict", async (status, fields) => {
    const port = await httpsServer(open(), (request, response) =>
      isAuthorized(request) ? serve(response) : void response.writeHead(status, fields).end("go away"),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, selected(...HTTP_ATTACKS));
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("is strict, whatever it says, where a canary is known", async () => {
    const port = await httpsServer(open(), (request, response) => {
      if (request.method !== "GET") return void response.writeHead(501).end();
      return isAuthorized(request) ? serve(response) : void response.end("log in");
    });
    const canary = { ...selected(...HTTP_ATTACKS), canary: SECRET };
    const endpoint = await probed(world, `https://localhost:${port}/`, canary);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth("other-alpn")));
  });

  test.each([401, 404])(
    "is strict where valid clients get %i, and others a 405 that the router gives to everybody",
    async (status) => {
      const port = await httpsServer(open(), (request, response) => {
        if (request.method !== "GET") return void response.writeHead(405).end("not allowed");
        return isAuthorized(request) ? void response.writeHead(status).end("no such tender") : deny(response);
      });
      const endpoint = await probed(world, `https://localhost:${port}/`, selected(...HTTP_ATTACKS));
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
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected(...HTTP_ATTACKS));
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("is not judged where only the attacker meets the fault", async () => {
    const port = await httpsServer(open(), (request, response) => {
      const host = String(request.headers.host);
      const fails = !isAuthorized(request) && !host.startsWith("localhost:");
      return fails ? void response.writeHead(503).end("no backend") : authorized(request, response);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected("authority-switch"));
    expect(endpoint.verdict).toBe("inconclusive");
    expect(withOutcome(endpoint, "inconclusive")).toEqual(onBoth("authority-switch"));
  });
});

describe("header-spoof", () => {
  test.each([
    ["x-forwarded-client-cert", "URI=spiffe:", "X-Forwarded-Client-Cert"],
    ["x-ssl-client-verify", "SUCCESS", "X-SSL-Client-*"],
    ["x-ssl-client-s-dn", "CN=client", "X-SSL-Client-*"],
    ["x-ssl-client-verify", "0", "X-SSL-Client-* of HAProxy"],
    ["ssl-client-verify", "SUCCESS", "SSL-Client-*"],
    ["x-client-cert", "BEGIN%20CERTIFICATE", "X-Client-Cert"],
    ["x-client-cert-chain-verified", "true", "X-Client-Cert"],
    ["client-cert", ":MI", "Client-Cert"],
    ["x-forwarded-tls-client-cert", "MI", "X-Forwarded-Tls-Client-Cert"],
    ["x-amzn-mtls-clientcert-subject", "CN=client", "X-Amzn-Mtls-Clientcert"],
    ["x-arr-clientcert", "MI", "X-ARR-ClientCert"],
    ["x-forwarded-for", "127.0.0.1", "X-Forwarded-For"],
    ["x-real-ip", "127.0.0.1", "X-Forwarded-For"],
    ["forwarded", "for=127.0.0.1", "X-Forwarded-For"],
    ["user-agent", "kube-probe/", "User-Agent"],
    ["user-agent", "ELB-HealthChecker/", "User-Agent"],
    ["authorization", "Bearer eyJ", "Authorization: Bearer"],
    ["authorization", "Basic ", "Authorization: Basic"],
  ])("finds a service that believes %s with %s in it", async (name, part, kind) => {
    const believing: RequestListener = (request, response) => {
      const believed = String(request.headers[name] ?? "").includes(part);
      return isAuthorized(request) || believed ? serve(response) : deny(response);
    };
    const endpoint = await probed(
      world,
      `https://localhost:${await httpsServer(open(), believing)}/`,
      selected("header-spoof"),
    );
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("header-spoof"));
    expect(evidenceOf(endpoint, "header-spoof")).toContain(`(${kind})`);
  });

  test("takes a service that checks the token, and turns down what is made up, for what it is", async () => {
    const port = await httpsServer(open(), (request, response) => {
      if (isAuthorized(request) || request.headers.authorization === "Bearer the right one")
        return serve(response);
      response.writeHead(request.headers.authorization === undefined ? 403 : 401).end("no");
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("header-spoof"));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test("asks with no more than 8 KiB of fields, which is all that many services take", async () => {
    const sizes: number[] = [];
    const port = await httpsServer(open(), (request, response) => {
      sizes.push(request.rawHeaders.join(": \r\n").length);
      return authorized(request, response);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("header-spoof"));
    expect(endpoint.verdict).toBe("enforced");
    expect(Math.max(...sizes)).toBeGreaterThan(1000);
    expect(Math.max(...sizes)).toBeLessThan(8000);
  });
});

describe("path-tricks", () => {
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
  ])("finds a service that %s", async (_how, read) => {
    const port = await httpsServer(open(), behind(read));
    const endpoint = await probed(world, `https://localhost:${port}/api/secret`, selected("path-tricks"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("path-tricks"));
  });

  test("a rule for GET alone is found by HEAD", async () => {
    const port = await httpsServer(open(), (request, response) =>
      request.method === "GET" && !isAuthorized(request)
        ? deny(response)
        : void response.writeHead(200, { "content-length": SECRET.length }).end(SECRET),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("path-tricks"));
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
    ["Range", ({ headers }) => headers.range !== undefined],
    [".css", ({ url }) => url === "/secret.css"],
  ])("%s that leads around a rule is found", async (kind, slips) => {
    const port = await httpsServer(open(), (request, response) =>
      isAuthorized(request) || slips(request) ? serve(response) : deny(response),
    );
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected("path-tricks"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("path-tricks"));
    expect(evidenceOf(endpoint, "path-tricks")).toContain(`(${kind})`);
  });

  /** What is asked, and by whom; @param slips to whom the rule does not apply */
  const heard = async (method: string, unsafe: boolean, slips: (request: IncomingMessage) => boolean) => {
    const requests: { method: string | undefined; known: boolean; length: string | undefined }[] = [];
    const port = await httpsServer(open(), (request, response) => {
      const known = isAuthorized(request);
      requests.push({ method: request.method, known, length: request.headers["content-length"] });
      return known || slips(request) ? serve(response) : deny(response);
    });
    const target = parseTarget(`${method}https://localhost:${port}/secret`);
    const targets = [{ ...target, unsafeMethods: unsafe }];
    const endpoint = await probed(world, target.url, { ...selected("path-tricks"), targets });
    return { endpoint, requests };
  };
  const CHANGING = ["POST", "PUT", "PATCH", "DELETE"];

  test.each(CHANGING)("a rule that forgets %s is found where unsafe methods are allowed", async (method) => {
    const { endpoint, requests } = await heard("", true, (request) => request.method === method);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("path-tricks"));
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
    const port = await httpsServer(open(), (request, response) => {
      if (isAuthorized(request)) asked.push(String(request.method));
      if (CHANGING.includes(String(request.method))) return void response.writeHead(501).end();
      return authorized(request, response);
    });
    const target = { ...parseTarget(`https://localhost:${port}/secret`), unsafeMethods: true };
    const endpoint = await probed(world, target.url, { ...selected("path-tricks"), targets: [target] });
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
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("path-tricks"));
    expect(evidenceOf(endpoint, "path-tricks")).toBe(`HTTP 200, as the control (${kind})`);
    expect(requests.filter((one) => one.known && one.method === "POST")).not.toEqual([]);
  });

  test("a form that everybody may get is no bypass of what is posted to it", async () => {
    const port = await httpsServer(open(), (request, response) => {
      if (request.method === "POST") return authorized(request, response);
      const isForm = request.method === "GET" || request.method === "HEAD";
      response.writeHead(isForm ? 200 : 405).end("<form method=post>");
    });
    const target = { ...parseTarget(`POST https://localhost:${port}/secret`), unsafeMethods: true };
    const endpoint = await probed(world, target.url, { ...selected("path-tricks"), targets: [target] });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test("a PROPFIND asks for nothing that lies below", async () => {
    const depths: (string | undefined)[] = [];
    const port = await httpsServer(open(), (request, response) => {
      if (request.method === "PROPFIND") depths.push(request.headers["depth"] as string | undefined);
      return authorized(request, response);
    });
    await probed(world, `https://localhost:${port}/`, selected("path-tricks"));
    expect([depths.length > 0, depths.every((depth) => depth === "0")]).toEqual([true, true]);
  });

  test("a page for who names no host is no bypass", async () => {
    const port = await httpsServer(open(), (request, response) =>
      request.headers.host === undefined ? void response.end("welcome") : authorized(request, response),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("path-tricks"));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  describe.each(["https", "h2"])("`Expect` over %s, an event of its own in Node", (scheme) => {
    test.each([
      ["checkContinue", "Expect"],
      ["checkExpectation", "Expect: fleetsec"],
    ])("%s without a check is found, with one it is strict", async (event, kind) => {
      const probing = async (isChecked: boolean) => {
        const server = scheme === "h2" ? createSecureServer(open()) : createServer(open());
        server.on("request", authorized as never).on("sessionError", () => {});
        server.on(event, (request: IncomingMessage, response: ServerResponse) =>
          isChecked ? authorized(request, response) : serve(response),
        );
        const url = `${scheme}://localhost:${await listening(server)}/secret`;
        return probed(world, url, selected("path-tricks"));
      };
      const lax = await probing(false);
      expect(withOutcome(lax, "accepted")).toEqual(onBoth("path-tricks"));
      expect(evidenceOf(lax, "path-tricks")).toBe(`HTTP 200, as the control (${kind})`);
      const enforced = await probing(true);
      expect([enforced.verdict, enforced.reasons]).toEqual(["enforced", []]);
    });
  });

  test.each([
    ["that asks for no certificate is found", false, "bypassed", "HTTP 200, as the control (Expect)"],
    ["that asks for one as well is strict", true, "enforced", "HTTP 403; the control: HTTP 200 (//, "],
  ])("a checkContinue event %s", async (_what, isChecked, verdict, evidence) => {
    const server = createServer(open(), authorized).on("checkContinue", (request, response) => {
      if (isChecked && !isAuthorized(request)) return deny(response);
      response.writeContinue();
      serve(response);
    });
    const port = await listening(server);
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected("path-tricks"));
    expect(endpoint.verdict).toBe(verdict);
    expect(evidenceOf(endpoint, "path-tricks")).toContain(evidence);
  });

  test.each([
    ["and then closes has refused", false, "enforced", "closed without an answer"],
    ["and then serves is found", true, "bypassed", "HTTP 200, as the control (Expect)"],
  ])("a server that says 100 Continue by itself %s", async (_what, isLax, verdict, evidence) => {
    const port = await httpsServer(open(), (request, response) => {
      const isServed = isAuthorized(request) || (isLax && request.headers.expect !== undefined);
      // whoever looks at the client first has what Node says of itself go out before
      setTimeout(() => (isServed ? serve(response) : void request.socket.destroy()), 20);
    });
    const endpoint = await probed(
      world,
      `https://localhost:${port}/secret`,
      selected("path-tricks", "other-alpn"),
    );
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
      const url = `https://localhost:${await httpsServer(open(), onRequest)}/secret`;
      return probed(world, url, selected("path-tricks"));
    };
    const lax = await probing(checking(({ url = "" }) => url));
    expect(withOutcome(lax, "accepted")).toEqual(onBoth("path-tricks"));
    expect(evidenceOf(lax, "path-tricks")).toBe(`HTTP 200, as the control (${kind})`);
    const enforced = await probing(checking(read));
    expect([enforced.verdict, enforced.reasons]).toEqual(["enforced", []]);
  });

  test("OPTIONS that everybody may ask is none", async () => {
    const port = await httpsServer(open(), (request, response) =>
      request.method === "OPTIONS" ? void response.writeHead(204).end() : authorized(request, response),
    );
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected("path-tricks"));
    expect(endpoint.verdict).toBe("enforced");
  });

  test.each<[string, string, RequestListener]>([
    ["OPTIONS", "204, as is the target's answer", (_request, response) => void response.writeHead(204).end()],
    ["HEAD", "200 without a word of the target", (_request, response) => void response.writeHead(200).end()],
  ])("nor is %s that everybody may ask: a %s", async (method, _what, greet) => {
    const port = await httpsServer(open(), (request, response) => {
      if (request.method === method) return greet(request, response);
      if (!isAuthorized(request)) return deny(response);
      return method === "OPTIONS" ? void response.writeHead(204).end() : serve(response);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected("path-tricks"));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test.each([
    ["etag", '"the fleet"'],
    ["last-modified", "Mon, 30 Nov 2026 03:00:00 GMT"],
  ])("HEAD that tells strangers the target's %s is a bypass", async (name, value) => {
    const port = await httpsServer(open(), (request, response) => {
      if (request.method !== "HEAD" && !isAuthorized(request)) return deny(response);
      response.writeHead(200, { [name]: value, "transfer-encoding": "chunked" }).end(SECRET);
    });
    const endpoint = await probed(world, `https://localhost:${port}/secret`, selected("path-tricks"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("path-tricks"));
    expect(evidenceOf(endpoint, "path-tricks")).toContain("(HEAD)");
  });

  const without = (what: string): RequestListener => {
    return (_request, response) => void response.writeHead(401).end(`${what} required`);
  };
  const refusing: RequestListener = (request, response) =>
    without(isAuthorized(request) ? "token" : "certificate")(request, response);

  test("a 401 for want of a token is no bypass: HEAD has nothing to tell it by", async () => {
    const url = `https://localhost:${await httpsServer(open(), refusing)}/`;
    const endpoint = await probed(world, url, selected("path-tricks", "other-alpn"));
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
    expect(endpoint.verdict).toBe("inconclusive");
  });

  test("an empty 404 for everybody, valid clients too, is what strangers must not get", async () => {
    const missing: RequestListener = (_request, response) => void response.writeHead(404).end();
    const url = `https://localhost:${await httpsServer(open(), missing)}/`;
    const endpoint = await probed(world, url, selected("path-tricks"));
    expect(withOutcome(endpoint, "accepted")).toEqual(expect.arrayContaining(onBoth("no-cert")));
    expect(endpoint.verdict).toBe("bypassed");
  });

  test.each(["", "HEAD "])("%sgranted to everybody is a bypass", async (method) => {
    const url = `${method}https://localhost:${await httpsServer(open(), always)}/`;
    const endpoint = await probed(world, url, selected("path-tricks"));
    expect(withOutcome(endpoint, "accepted")).toEqual(expect.arrayContaining(onBoth("no-cert")));
    expect(endpoint.verdict).toBe("bypassed");
  });

  test.each<[string, (request: IncomingMessage) => string]>([
    [
      "greet their own clients",
      (request) => (isAuthorized(request) ? "Logged in as client" : "Please log in"),
    ],
    ["are the same for all", () => "public"],
  ])("nor are public pages that differ each time and %s", async (_what, words) => {
    const port = await httpsServer(open(), (request, response) =>
      request.url === "/secret"
        ? authorized(request, response)
        : void response.end(`<html>nonce ${randomUUID()} ${words(request)}</html>`),
    );
    const url = `https://localhost:${port}/secret`;
    const endpoint = await probed(world, url, selected("path-tricks"));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test("a stranger greeted in other words, where valid clients get the target's, is let in", async () => {
    const port = await httpsServer(open(), (request, response) => {
      if (request.url === "/secret") return authorized(request, response);
      if (isAuthorized(request)) return serve(response);
      response.end("the fleet's secret for guests");
    });
    const url = `https://localhost:${port}/secret`;
    const endpoint = await probed(world, url, selected("path-tricks"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("path-tricks"));
  });

  test("public pages at other paths are no bypass", async () => {
    const port = await httpsServer(
      open(),
      behind((path) => path),
    );
    const endpoint = await probed(world, `https://localhost:${port}/api/secret`, selected("path-tricks"));
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("nor is a page that is missing, where valid clients get nothing else", async () => {
    const port = await httpsServer(open(), (request, response) => {
      if (request.url === "/api" && !isAuthorized(request)) return deny(response);
      response.writeHead(404).end("not found");
    });
    const endpoint = await probed(world, `https://localhost:${port}/api`, selected("path-tricks"));
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });
});

describe("authority-switch", () => {
  const byHost =
    (other: (response: ServerResponse) => void): RequestListener =>
    (request, response) =>
      String(request.headers.host).startsWith("localhost:") ? authorized(request, response) : other(response);

  test("finds a default virtual host that leads to the same service", async () => {
    const port = await httpsServer(open(), byHost(serve));
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("authority-switch"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("authority-switch"));
  });

  test("a public page of another virtual host is no bypass", async () => {
    const port = await httpsServer(
      open(),
      byHost((response) => void response.end("welcome to nowhere")),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("authority-switch"));
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });
});

describe("other-alpn", () => {
  test("finds a server that checks on HTTP/1.1 alone", async () => {
    const server = createSecureServer({ ...open(), allowHTTP1: true }, (request, response) => {
      const mayPass = request.httpVersion === "2.0" || (request.socket as TLSSocket).authorized;
      response.writeHead(mayPass ? 200 : 403);
      response.end(mayPass ? SECRET : "no");
    });
    server.on("sessionError", () => {});
    const endpoint = await probed(
      world,
      `https://localhost:${await listening(server)}/`,
      selected("other-alpn"),
    );
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-alpn"));
  });

  test("is refused by a server that speaks HTTP/1.1 alone and judges in the application", async () => {
    const port = await httpsServer(open(), authorized);
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("other-alpn"));
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "other-alpn"));
  });
});

/** The response to the first request of an HTTP/2 connection. */
const http2Response = () =>
  Buffer.concat([
    frame(FrameType.settings, 0, 0),
    frame(FrameType.headers, Flag.endHeaders, 1, encodeFields([[":status", "200"]])),
    frame(FrameType.data, Flag.endStream, 1, Buffer.from(SECRET)),
  ]);
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

describe("h2c-upgrade", () => {
  test("finds a gateway that passes the upgrade on", async () => {
    const port = await httpsServer(open(), authorized);
    const lax = await httpsServer(open(), (request, response) => {
      if (request.headers.upgrade !== "h2c") return authorized(request, response);
      request.socket.write(SWITCHED);
      request.socket.write(http2Response());
    });
    const enforced = await probed(world, `https://localhost:${port}/`, selected("h2c-upgrade"));
    expect(enforced.verdict).toBe("enforced");
    const endpoint = await probed(world, `https://localhost:${lax}/`, selected("h2c-upgrade"));
    expect(withOutcome(endpoint, "accepted")).toEqual(expect.arrayContaining(onBoth("h2c-upgrade")));
  });

  /** A Node application with an `upgrade` event, which the handler of requests hears nothing of. */
  const upgrading = async (onUpgrade: (request: IncomingMessage, socket: Duplex) => void) => {
    const server = createServer(open(), authorized).on("upgrade", onUpgrade);
    return probed(world, `https://localhost:${await listening(server)}/live`, selected("h2c-upgrade"));
  };
  const switching = ({ headers }: IncomingMessage, socket: Duplex) =>
    void socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${headers.upgrade}\r\n\r\n`,
    );
  const onlyWebSockets = (request: IncomingMessage, socket: Duplex) => {
    if (request.headers.upgrade !== "websocket") return void socket.destroy();
    switching(request, socket);
  };

  test.each([
    ["whatever it is to be", switching],
    ["to a WebSocket", onlyWebSockets],
  ])("finds an application that upgrades whoever comes, %s", async (_to, onUpgrade) => {
    const endpoint = await upgrading(onUpgrade);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("h2c-upgrade"));
    expect(evidenceOf(endpoint, "h2c-upgrade")).toBe("HTTP 101, as for a valid client (WebSocket)");
    expect(endpoint.doubts).toEqual([]);
  });

  test.each<[string, (socket: Duplex) => void]>([
    ["hangs up", (socket) => void socket.destroy()],
    ["denies", (socket) => void socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")],
  ])("an application that %s, where the certificate is missing, is strict", async (_how, turnAway) => {
    const endpoint = await upgrading((request, socket) =>
      isAuthorized(request) ? switching(request, socket) : turnAway(socket),
    );
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth("h2c-upgrade")));
  });

  /** CONNECT is an event of its own as well. */
  const tunnelling = async (onConnect: (isKnown: boolean, socket: Duplex) => void) => {
    const server = createServer(open(), authorized);
    server.on("connect", (request, socket) => {
      socket.on("error", () => {});
      onConnect(isAuthorized(request), socket);
    });
    return probed(world, `https://localhost:${await listening(server)}/secret`, selected("h2c-upgrade"));
  };
  const OPENED = "HTTP/1.1 200 Connection Established\r\n\r\n";
  const page = (text: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

  test.each<[string, string, (socket: Duplex) => void]>([
    ["the service", "HTTP 200, as the control (CONNECT)", (socket) => void socket.end(page(SECRET))],
    ["who knows what", "a tunnel, as for a valid client (CONNECT)", () => {}],
  ])("finds an application that opens a tunnel to %s for whoever comes", async (_to, evidence, onData) => {
    const endpoint = await tunnelling((_isKnown, socket) => {
      socket.write(OPENED);
      socket.once("data", () => onData(socket));
    });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("h2c-upgrade"));
    expect(evidenceOf(endpoint, "h2c-upgrade")).toBe(evidence);
  });

  test.each<[string, (isKnown: boolean, socket: Duplex) => void]>([
    ["hangs up", (isKnown, socket) => void (isKnown ? socket.write(OPENED) : socket.destroy())],
    [
      "denies within the tunnel",
      (isKnown, socket) => {
        const denied = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
        socket.write(OPENED);
        socket.once("data", () => socket.end(isKnown ? page(SECRET) : denied));
      },
    ],
    ["answers everybody with a page", (_isKnown, socket) => void socket.end(page("a public page"))],
  ])("one that %s is strict", async (_how, onConnect) => {
    const endpoint = await tunnelling(onConnect);
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth("h2c-upgrade")));
  });

  describe("a tunnel over HTTP/2", () => {
    const SERVED = page(SECRET);
    const DENIED = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    /** An event of its own there too. */
    const probing = async (
      onConnect: ((isKnown: boolean, response: Http2ServerResponse) => void) | undefined,
    ) => {
      const server = createSecureServer(open(), authorized as never);
      server.on("sessionError", () => {});
      if (onConnect !== undefined) {
        server.on("connect", (request: Http2ServerRequest, response: Http2ServerResponse) => {
          onConnect((request.socket as TLSSocket).authorized, response);
        });
      }
      const url = `h2://localhost:${await listening(server)}/secret`;
      return probed(world, url, selected("h2c-upgrade"));
    };
    const write = (response: Http2ServerResponse, text: string) => {
      response.writeHead(200);
      response.write(text);
    };

    test.each<[string, string, (response: Http2ServerResponse) => void]>([
      ["a page", "HTTP 200, as the control (CONNECT)", (response) => void response.end(SECRET)],
      ["the service", "HTTP 200, as the control (CONNECT)", (response) => write(response, SERVED)],
      [
        "who knows what",
        "a tunnel, as for a valid client (CONNECT)",
        (response) => response.stream.respond(),
      ],
    ])("that leads whoever comes to %s is found", async (_to, evidence, serveAll) => {
      const endpoint = await probing((_isKnown, response) => serveAll(response));
      expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("h2c-upgrade"));
      expect(evidenceOf(endpoint, "h2c-upgrade")).toBe(evidence);
    });

    test.each<[string, ((isKnown: boolean, response: Http2ServerResponse) => void) | undefined]>([
      ["is for nobody", undefined],
      [
        "is for valid clients",
        (isKnown, response) => (isKnown ? response.stream.respond() : void response.writeHead(403).end()),
      ],
      ["leads to who denies", (isKnown, response) => write(response, isKnown ? SERVED : DENIED)],
      ["is the same page for everybody", (_isKnown, response) => void response.end("a public page")],
    ])("that %s is strict", async (_how, onConnect) => {
      const endpoint = await probing(onConnect);
      expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
      expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth("h2c-upgrade")));
    });
  });

  test("what becomes of an upgrade is not known where a valid client alone is served after it", async () => {
    const endpoint = await upgrading((request, socket) => {
      if (request.headers.upgrade !== "h2c") return void socket.destroy();
      switching(request, socket);
      if (isAuthorized(request)) socket.write(http2Response());
    });
    expect(withOutcome(endpoint, "inconclusive")).toEqual(onBoth("h2c-upgrade"));
    expect(evidenceOf(endpoint, "h2c-upgrade")).toBe("HTTP 101 and no HTTP/2 (h2c within TLS)");
  });

  test.each([
    ["at once", "PRI *", ""],
    ["by an upgrade", "GET /", SWITCHED],
  ])("finds HTTP/2 without TLS, %s", async (kind, beginning, reply) => {
    const port = await sniffingServer(strict(), always, (socket, first) => {
      if (!first.toString().startsWith(beginning)) return void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      socket.write(reply);
      socket.write(http2Response());
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("h2c-upgrade"));
    expect(withOutcome(endpoint, "accepted")).toEqual(["h2c-upgrade"]);
    expect(endpoint.reasons.join()).toContain(`(${kind})`);
  });
});

/** Answers the only request of a connection. */
const answerOnce = (tls: TLSSocket) =>
  void tls.once("data", () =>
    tls.end(`HTTP/1.1 200 OK\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`),
  );

describe("starttls", () => {
  test.each([
    ["SMTP", "EHLO", "220 mail\r\n250-hello\r\n250 STARTTLS\r\n220 go on\r\n"],
    ["IMAP", "a STARTTLS", "* OK ready\r\na OK begin\r\n"],
    ["POP3", "STLS", "+OK ready\r\n+OK begin\r\n"],
    ["FTP", "AUTH TLS", "220 ready\r\n234 go on\r\n"],
    ["XMPP", "<?xml", "<stream:stream><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    ["LDAP", "0\x1d", Buffer.from("300c02010178070a010004000400", "hex")],
    ["PostgreSQL", "\0\0\0\x08", "S"],
    ["MySQL", " \0\0\x01", Buffer.from("0a0000000a352e372e31", "hex")],
  ])("finds TLS without certificates after %s", async (kind, beginning, reply) => {
    const port = await sniffingServer(strict(), always, (socket, first) => {
      if (!first.toString("latin1").startsWith(beginning)) return void socket.end();
      socket.write(reply);
      upgradeToLaxTls(socket, strict(), answerOnce);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("starttls"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("starttls"));
    expect(evidenceOf(endpoint, "starttls")).toBe(`HTTP 200, as the control (${kind})`);
  });

  test("a server that upgrades and demands a certificate then is enforced", async () => {
    const port = await httpsServer(strict(), always);
    const front = await sniffingServer(strict(), always, (socket, first) => {
      if (!first.toString().startsWith("EHLO")) return void socket.end();
      socket.write("220 mail\r\n250 STARTTLS\r\n220 go on\r\n");
      relay(socket, undefined, port);
    });
    const endpoint = await probed(world, `https://localhost:${front}/`, selected("starttls"));
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test.each([
    ["says nothing", () => {}],
    ["floods", (socket: Socket) => void socket.write(Buffer.alloc(2_000_000, 0x32))],
    ["agrees by half", (socket: Socket) => void socket.write("220 mail\r\n250 ok\r\n")],
  ])("a server that %s is no bypass", { timeout: 180_000 }, async (_what, otherwise) => {
    const port = await sniffingServer(strict(), always, otherwise);
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      ...selected("starttls"),
      timeout: 500,
    });
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });
});

describe("without TLS", () => {
  const attacks = selected("h2c-upgrade", "plaintext");

  test("a server that waits for the rest of a TLS record is silent until the end, and has refused", async () => {
    const heard: string[] = [];
    const port = await sniffingServer(
      strict(),
      always,
      (_socket, first) => void heard.push(first.toString()),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, attacks);
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(evidenceOf(endpoint, "plaintext")).toBe("closed without an answer");
    expect(heard.join()).toContain("GET / HTTP/1.1");
  });

  test("one that answers at the end of what is said serves all the same", async () => {
    const port = await sniffingServer(strict(), always, (socket) =>
      socket.on("end", () =>
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`),
      ),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, attacks);
    expect(withOutcome(endpoint, "accepted")).toContain("plaintext");
  });
});

describe("upgrade-tls", () => {
  test.each(["OPTIONS", "GET"])("finds TLS without certificates after %s", async (method) => {
    const port = await sniffingServer(strict(), always, (socket, first) => {
      if (!first.toString().startsWith(method)) return void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, HTTP/1.1\r\nConnection: Upgrade\r\n\r\n",
      );
      upgradeToLaxTls(socket, strict(), answerOnce);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, selected("upgrade-tls"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("upgrade-tls"));
  });
});
