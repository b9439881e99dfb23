import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { Flag, frame, FrameType } from "../../../src/probe/protocols/http2/frames.ts";
import { encodeFields } from "../../../src/probe/protocols/http2/hpack.ts";
import {
  evidenceOf,
  newWorld,
  on13,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer, listening } from "../support/servers.ts";
import { always, authorized, isAuthorized, SECRET } from "../support/services.ts";
import { sniffingServer } from "../support/sniffing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, { minVersion: "TLSv1.3", ...changes });
/** The application decides. */
const open = () => strict({ rejectUnauthorized: false });
const attacks = selected("no-cert", "h2c-upgrade");

/** The response to the first request of an HTTP/2 connection. */
const http2Response = () =>
  Buffer.concat([
    frame(FrameType.settings, 0, 0),
    frame(FrameType.headers, Flag.endHeaders, 1, encodeFields([[":status", "200"]])),
    frame(FrameType.data, Flag.endStream, 1, Buffer.from(SECRET)),
  ]);
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

describe.concurrent("h2c-upgrade", () => {
  test("finds a gateway that passes the upgrade on", async () => {
    const port = await httpsServer(open(), authorized);
    const lax = await httpsServer(open(), (request, response) => {
      if (request.headers.upgrade !== "h2c") return authorized(request, response);
      request.socket.write(SWITCHED);
      request.socket.write(http2Response());
    });
    const enforced = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(enforced.verdict).toBe("enforced");
    const endpoint = await probed(world, `https://localhost:${lax}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(expect.arrayContaining(on13("h2c-upgrade")));
  });

  /** A Node application with an `upgrade` event, which the handler of requests hears nothing of. */
  const upgrading = async (onUpgrade: (request: IncomingMessage, socket: Duplex) => void) => {
    const server = createServer(open(), authorized).on("upgrade", onUpgrade);
    return probed(world, `https://localhost:${await listening(server)}/live`, { attacks });
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
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("h2c-upgrade"));
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
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(on13("h2c-upgrade")));
  });

  /** CONNECT is an event of its own as well. */
  const tunnelling = async (onConnect: (isKnown: boolean, socket: Duplex) => void) => {
    const server = createServer(open(), authorized);
    server.on("connect", (request, socket) => {
      socket.on("error", () => {});
      onConnect(isAuthorized(request), socket);
    });
    return probed(world, `https://localhost:${await listening(server)}/secret`, { attacks });
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
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("h2c-upgrade"));
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
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(on13("h2c-upgrade")));
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
      return probed(world, url, { attacks });
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
      expect(withOutcome(endpoint, "accepted")).toEqual(on13("h2c-upgrade"));
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
      expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(on13("h2c-upgrade")));
    });
  });

  /** RFC 8441: a CONNECT that says for what. */
  const overHttp2 = async (admits: (isKnown: boolean) => boolean) => {
    const settings = { enableConnectProtocol: true };
    const server = createSecureServer({ ...open(), settings }, authorized as never);
    server.on("sessionError", () => {});
    server.on("connect", ({ headers, socket }: Http2ServerRequest, response: Http2ServerResponse) => {
      if (headers[":protocol"] !== "websocket") return void response.writeHead(405).end();
      if (!admits((socket as TLSSocket).authorized)) return void response.writeHead(403).end();
      response.stream.respond();
    });
    return probed(world, `h2://localhost:${await listening(server)}/live`, { attacks });
  };

  test("a WebSocket over HTTP/2 for whoever comes is found", async () => {
    const endpoint = await overHttp2(() => true);
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("h2c-upgrade"));
    expect(evidenceOf(endpoint, "h2c-upgrade")).toBe("a tunnel, as for a valid client (WebSocket)");
  });

  test("one for valid clients is strict", async () => {
    const endpoint = await overHttp2((isKnown) => isKnown);
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(on13("h2c-upgrade")));
  });

  test("what becomes of an upgrade is not known where a valid client alone is served after it", async () => {
    const endpoint = await upgrading((request, socket) => {
      if (request.headers.upgrade !== "h2c") return void socket.destroy();
      switching(request, socket);
      if (isAuthorized(request)) socket.write(http2Response());
    });
    expect(withOutcome(endpoint, "inconclusive")).toEqual(on13("h2c-upgrade"));
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
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(["h2c-upgrade"]);
    expect(endpoint.reasons.join()).toContain(`(${kind})`);
  });
});
