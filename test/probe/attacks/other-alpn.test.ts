import { createSecureServer } from "node:http2";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { byAlpn } from "../support/by-hello.ts";
import {
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { grpcServer } from "../support/grpc.ts";
import { broker } from "../support/mqtt.ts";
import { http2Server, httpsServer, listening, tlsServer } from "../support/servers.ts";
import { authorized, isAuthorized } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = () => strictServer(world);
/** The application decides. */
const deciding = () => strictServer(world, { rejectUnauthorized: false });
/** Demands nothing. */
const lax = (): TlsOptions => ({ cert: world.server.pem, key: world.server.keyPem });

/** Speaks both versions of HTTP, as ALPN says. */
function both(options: TlsOptions): Promise<number> {
  const server = createSecureServer({ ...options, allowHTTP1: true }, (_request, response) =>
    response.end("welcome"),
  );
  server.on("sessionError", () => {});
  return listening(server);
}
/** HTTP/1.1 without a word of ALPN. */
const silent = (options: TlsOptions) =>
  tlsServer(options, (socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nwelcome")),
  );

const GRPC = "content-type: application/grpc";
const CHUNKED = ["HTTP/1.1 200 OK", `${GRPC}\r\ntransfer-encoding: chunked\r\n`, "0"];

type IsLax = (offered: readonly string[] | undefined) => boolean;
const NOBODY: IsLax = () => false;
const WITHOUT: IsLax = (offered) => offered === undefined;
const WITH_BOTH: IsLax = (offered) => offered?.join() === "h2,http/1.1";
const OTHER_WAY_ROUND: IsLax = (offered) => offered?.join() === "http/1.1,h2";
const WITH_ACME: IsLax = (offered) => offered?.includes("acme-tls/1") === true;
const ACME_ALONE: IsLax = (offered) => offered?.join() === "acme-tls/1";
const WITH_UNKNOWN: IsLax = (offered) =>
  offered?.every((name) => name !== "h2" && name !== "http/1.1") === true;
const WITH_H2: IsLax = (offered) => offered?.includes("h2") === true;

const probing = (url: string) => probed(world, url, { attacks: selected("no-cert", "other-alpn") });
const evidenceOf = ({ attacks }: Awaited<ReturnType<typeof probed>>) =>
  attacks
    .filter(({ id, outcome }) => id === "other-alpn" && outcome === "accepted")
    .map(({ evidence }) => evidence);

describe.concurrent("servers that look at ALPN to decide whom they ask for a certificate", () => {
  test.each<[string, "https" | "h2", IsLax, string | undefined]>([
    ["nobody is let in", "https", NOBODY, undefined],
    ["nobody is let in", "h2", NOBODY, undefined],
    ["whoever offers nothing", "https", WITHOUT, "no ALPN"],
    ["whoever offers nothing", "h2", WITHOUT, "no ALPN"],
    ["whoever offers what curl does", "https", WITH_BOTH, "ALPN h2 and http/1.1"],
    ["whoever offers what curl does", "h2", WITH_BOTH, "ALPN h2 and http/1.1"],
    ["whoever offers HTTP/2", "https", WITH_H2, "ALPN h2 and http/1.1"],
    ["whoever offers what httpx does", "https", OTHER_WAY_ROUND, "ALPN http/1.1 and h2"],
    ["whoever offers what httpx does", "h2", OTHER_WAY_ROUND, "ALPN http/1.1 and h2"],
    ["whoever offers what CAs do beside it", "https", WITH_ACME, "ALPN http/1.1 and acme-tls/1"],
    ["whoever offers what CAs do beside it", "h2", WITH_ACME, "ALPN h2 and acme-tls/1"],
  ])("%s (%s)", async (_name, scheme, isLax, found) => {
    const [guarded, open] = [await both(strict()), await both(lax())];
    const port = await byAlpn((offered) => (isLax(offered) ? open : guarded));
    const endpoint = await probing(`${scheme}://localhost:${port}/`);
    expect(withOutcome(endpoint, "refused")).toEqual(
      onBoth("no-cert", ...(found === undefined ? ["other-alpn"] : [])),
    );
    expect(withOutcome(endpoint, "accepted")).toEqual(found === undefined ? [] : onBoth("other-alpn"));
    expect(endpoint.verdict).toBe(found === undefined ? "enforced" : "bypassed");
    const told = `HTTP 200, as for a valid client (${found})`;
    expect(evidenceOf(endpoint)).toEqual(found === undefined ? [] : [told, told]);
  });

  test.each<[string, IsLax, string]>([
    ["HTTP/2", WITH_H2, "ALPN h2 and http/1.1"],
    ["what nobody knows", WITH_UNKNOWN, "ALPN fleetsec-probe"],
    ["what a CA offers that validates the name", ACME_ALONE, "ALPN acme-tls/1"],
  ])("%s is offered, and nothing is chosen", async (_name, isLax, found) => {
    const [guarded, open] = [await silent(strict()), await silent(lax())];
    const port = await byAlpn((offered) => (offered !== undefined && isLax(offered) ? open : guarded));
    const endpoint = await probing(`https://localhost:${port}/`);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-alpn"));
    expect(evidenceOf(endpoint)).toEqual(Array(2).fill(`HTTP 200, as for a valid client (${found})`));
  });

  test("a lax chain with a certificate that no valid client trusts gives the target's content away", async () => {
    const other = await newWorld();
    const [guarded, open] = [
      await both(strict()),
      await both({ cert: other.server.pem, key: other.server.keyPem }),
    ];
    const port = await byAlpn((offered) => (WITHOUT(offered) ? open : guarded));
    const endpoint = await probing(`https://localhost:${port}/`);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-alpn"));
  });

  test("HTTP/2 alone, without a word of ALPN", async () => {
    const guarded = await http2Server(strict(), (_request, response) => void response.end("welcome"));
    const port = await byAlpn(() => guarded);
    expect((await probing(`h2://localhost:${port}/`)).verdict).toBe("enforced");
  });
});

describe.concurrent("an application that decides", () => {
  test("on HTTP/1.1 alone is found", async () => {
    const server = createSecureServer({ ...deciding(), allowHTTP1: true }, (request, response) => {
      const mayPass = request.httpVersion === "2.0" || (request.socket as TLSSocket).authorized;
      response.writeHead(mayPass ? 200 : 403);
      response.end(mayPass ? "the fleet's secret" : "no");
    });
    server.on("sessionError", () => {});
    const endpoint = await probing(`https://localhost:${await listening(server)}/`);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-alpn"));
  });

  /** A gRPC service that speaks both versions of HTTP. */
  const health = async (isDenied: (version: string, isValid: boolean) => boolean) => {
    const server = createSecureServer({ ...deciding(), allowHTTP1: true }, (request, response) => {
      const status = isDenied(request.httpVersion, isAuthorized(request)) ? 16 : 0;
      response.writeHead(200, { "content-type": "application/grpc", "grpc-status": `${status}` }).end();
    });
    server.on("sessionError", () => {});
    return listening(server);
  };

  test("on calls of gRPC over HTTP/2 alone is found", async () => {
    const port = await health((version, isValid) => version === "2.0" && !isValid);
    const endpoint = await probing(`grpcs://localhost:${port}`);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-alpn"));
    expect(evidenceOf(endpoint)).toEqual(Array(2).fill("gRPC OK, as for a valid client (no ALPN)"));
    const strictOne = await probing(`grpcs://localhost:${await health((_version, isValid) => !isValid)}`);
    expect([strictOne.reasons, strictOne.verdict]).toEqual([[], "enforced"]);
    expect(withOutcome(strictOne, "refused")).toEqual(onBoth("no-cert", "other-alpn"));
  });

  test("on HTTP/2 alone is found where nothing is granted to anybody at the target", async () => {
    const server = createSecureServer({ ...deciding(), allowHTTP1: true }, (request, response) => {
      const mayPass = request.httpVersion !== "2.0" || isAuthorized(request);
      response.writeHead(!mayPass ? 401 : request.url === "/" ? 200 : 404).end("so it is");
    });
    server.on("sessionError", () => {});
    const endpoint = await probing(`h2://localhost:${await listening(server)}/none`);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-alpn"));
  });

  test("and speaks HTTP/1.1 alone is strict", async () => {
    const endpoint = await probing(`https://localhost:${await httpsServer(deciding(), authorized)}/`);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "other-alpn"));
  });
});

describe.concurrent("services that are not HTTP", () => {
  const greeting = (options: TlsOptions, text: string) => tlsServer(options, (socket) => socket.write(text));

  test.each<[string, IsLax, boolean]>([
    ["nobody is let in", NOBODY, false],
    ["whoever offers HTTP/2 is let in", WITH_H2, true],
    ["who comes as a CA does that validates the name is let in", ACME_ALONE, true],
  ])("tls://: %s", async (_name, isLax, found) => {
    const [guarded, open] = [
      await greeting(strict(), "220 fleet ready\r\n"),
      await greeting(lax(), "220 fleet ready\r\n"),
    ];
    const port = await byAlpn((offered) => (isLax(offered) ? open : guarded));
    const endpoint = await probing(`tls://localhost:${port}`);
    expect(withOutcome(endpoint, "accepted")).toEqual(found ? onBoth("other-alpn") : []);
    expect(endpoint.verdict).toBe(found ? "bypassed" : "enforced");
  });

  test("tls://: another service behind another name is none of the target's", async () => {
    const guarded = await greeting(strict(), "220 fleet ready\r\n");
    const open = await greeting(lax(), "welcome to the public web site\r\n");
    const port = await byAlpn((offered) => (WITH_H2(offered) ? open : guarded));
    const endpoint = await probing(`tls://localhost:${port}`);
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
    expect(endpoint.reasons).toEqual([]);
  });

  test.each<[string, IsLax, boolean]>([
    ["nobody is let in", NOBODY, false],
    ["whoever offers `mqtt` is let in", (offered) => offered?.join() === "mqtt", true],
  ])("mqtts://: %s", async (_name, isLax, found) => {
    const [guarded, open] = [await broker(strict(), () => 0), await broker(lax(), () => 0)];
    const port = await byAlpn((offered) => (isLax(offered) ? open : guarded));
    const endpoint = await probing(`mqtts://localhost:${port}`);
    expect(withOutcome(endpoint, "accepted")).toEqual(found ? onBoth("other-alpn") : []);
    expect(endpoint.verdict).toBe(found ? "bypassed" : "enforced");
  });

  test.each<[string, readonly string[], boolean]>([
    ["the denial stands in the fields", ["HTTP/1.1 200 OK", `${GRPC}\r\ngrpc-status: 7`, "", ""], false],
    ["a grant does", ["HTTP/1.1 200 OK", `${GRPC}\r\ngrpc-status: 0`, "", ""], true],
    ["the denial stands in trailers that come later", [...CHUNKED, "grpc-status: 16", "", ""], false],
    ["a grant does", [...CHUNKED, "grpc-status: 0", "", ""], true],
  ])("grpcs:// is answered over HTTP/1.1 without ALPN: %s", async (_what, lines, found) => {
    const identity = { cert: world.server.pem, key: world.server.keyPem, ca: world.root.pem };
    const guarded = await grpcServer({ ...identity, demands: true });
    const older = await tlsServer({ ...strict(), rejectUnauthorized: false }, (socket) =>
      socket.once("data", () => {
        socket.write(lines.slice(0, 3).join("\r\n") + "\r\n");
        setTimeout(() => socket.end(lines.slice(3).join("\r\n")), 20);
      }),
    );
    const port = await byAlpn((offered) => (WITHOUT(offered) ? older : guarded));
    const endpoint = await probing(`grpcs://localhost:${port}`);
    expect(withOutcome(endpoint, "accepted")).toEqual(found ? onBoth("other-alpn") : []);
    expect(endpoint.verdict).toBe(found ? "bypassed" : "enforced");
  });

  test("grpcs:// is answered over HTTP/1.1 where that alone is offered", async () => {
    const identity = { cert: world.server.pem, key: world.server.keyPem, ca: world.root.pem };
    const guarded = await grpcServer({ ...identity, demands: true });
    const older = await httpsServer(lax(), ({ method, headers }, response) => {
      const isCall = method === "POST" && headers["content-type"] === "application/grpc";
      response.writeHead(200, { "content-type": "application/grpc", "grpc-status": isCall ? "0" : "12" });
      response.end();
    });
    const port = await byAlpn((offered) => (offered?.join() === "http/1.1" ? older : guarded));
    const endpoint = await probing(`grpcs://localhost:${port}`);
    expect(evidenceOf(endpoint)).toEqual(Array(2).fill("gRPC OK, as for a valid client (ALPN http/1.1)"));
  });

  test.each<[string, IsLax, boolean]>([
    ["nobody is let in", NOBODY, false],
    ["whoever offers both versions of HTTP is let in", WITH_BOTH, true],
  ])("grpcs://: %s", async (_name, isLax, found) => {
    const identity = { cert: world.server.pem, key: world.server.keyPem, ca: world.root.pem };
    const [guarded, open] = [
      await grpcServer({ ...identity, demands: true }),
      await grpcServer({ ...identity, demands: false }),
    ];
    const port = await byAlpn((offered) => (isLax(offered) ? open : guarded));
    const endpoint = await probing(`grpcs://localhost:${port}`);
    expect(withOutcome(endpoint, "accepted")).toEqual(found ? onBoth("other-alpn") : []);
    expect(endpoint.verdict).toBe(found ? "bypassed" : "enforced");
  });
});
