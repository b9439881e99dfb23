import type { RequestListener } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer, type TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { newWorld, on13, probed, selected, openServer, withOutcome, type World } from "../support/probing.ts";
import { http2Server, httpsServer, listening } from "../support/servers.ts";
import { isAuthorized } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const options = () => openServer(world);
const attacks = selected("no-cert", "second-request");

/** Serves those whom `admits` lets in, and asks it of each connection as often as it says. */
function checking(admits: (socket: TLSSocket, url: string) => boolean | "for good"): RequestListener {
  const known = new WeakSet<object>();
  return (request, response) => {
    const socket = request.socket as TLSSocket;
    const admitted = known.has(socket) || socket.authorized || admits(socket, request.url ?? "");
    if (admitted === "for good") known.add(socket);
    // kept open: a close would be the end of it
    response.writeHead(admitted === false ? 403 : 200).end(admitted === false ? "no" : `page ${request.url}`);
  };
}

const probing = async (onRequest: RequestListener, path = "/secret") =>
  probed(world, `https://localhost:${await httpsServer(options(), onRequest)}${path}`, { attacks });

test.concurrent.each(["/secret", "/"])("a check of each request refuses it at %s", async (path) => {
  const endpoint = await probing(
    checking(() => false),
    path,
  );
  expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert", "second-request"));
});

test.concurrent.each([
  ["/secret", "/"],
  ["/", "/health"],
])("a connection that is let in for a public page, and to %s with it, is found", async (path, open) => {
  const endpoint = await probing(
    checking((_socket, url) => url === open && "for good"),
    path,
  );
  expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert"));
  expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
});

test.concurrent("a public page is none, where the target is asked for anew", async () => {
  const endpoint = await probing(checking((_socket, url) => url === "/"));
  expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
});

test.concurrent("one that was turned away once and is not looked at again is found", async () => {
  const turnedAway = new WeakSet<object>();
  const endpoint = await probing(
    checking((socket, url) => {
      if (url !== "/secret") return false;
      const again = turnedAway.has(socket);
      turnedAway.add(socket);
      return again;
    }),
  );
  expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
});

describe.concurrent("in one write", () => {
  /** A server of its own making, which answers all the requests of one read. */
  const reading = async (respond: (isKnown: boolean, place: number) => string) => {
    const server = createServer(options(), (socket) => {
      socket.on("error", () => {});
      socket.on("data", (read) => {
        const requests = read.toString("latin1").split("\r\n\r\n").slice(0, -1);
        for (const place of requests.keys()) socket.write(respond(isVerified(socket), place));
      });
    });
    return probed(world, `https://localhost:${await listening(server)}/secret`, { attacks });
  };
  // a resumed session counts as verified in TLS 1.3 without any certificate
  const isVerified = (socket: TLSSocket) =>
    socket.authorized && socket.getPeerX509Certificate() !== undefined;
  const response = (isServed: boolean) =>
    isServed
      ? "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe page"
      : "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";

  test("a check of each of them refuses it", async () => {
    const endpoint = await reading((isKnown) => response(isKnown));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert", "second-request"));
  });

  test("a check of the first one alone is found", async () => {
    const endpoint = await reading((isKnown, place) => response(isKnown || place > 0));
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert"));
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
    const evidence = endpoint.attacks.find(({ id }) => id === "second-request")?.evidence;
    expect(evidence).toBe("HTTP 200, as the control (in one write)");
  });

  test("a server that leaves all but the first unread has let nobody ask again", async () => {
    const endpoint = await reading((isKnown, place) => (place === 0 ? response(isKnown) : ""));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });
});

describe.concurrent("with a cookie that the denial hands out", () => {
  type IsKnown = (cookie: string | undefined, socket: TLSSocket) => boolean;
  /** @param ends the connection, after each response */
  const handingOut = (isKnown: IsKnown, ends: boolean): RequestListener => {
    return (request, response) => {
      const socket = request.socket as TLSSocket;
      const isServed = isAuthorized(request) || isKnown(request.headers.cookie, socket);
      if (ends) response.shouldKeepAlive = false;
      response.writeHead(isServed ? 200 : 403, { "set-cookie": ["theme=dark", "session=1; HttpOnly"] });
      response.end(isServed ? "the page" : "no");
    };
  };
  const hasSession = (cookie: string | undefined) => cookie?.split("; ").includes("session=1") === true;

  test.each([
    ["on another connection", true],
    ["on the same connection", false],
  ])("a service that asks for no more, %s, is found", async (_where, ends) => {
    const given = new WeakSet<object>();
    const endpoint = await probing(
      handingOut((cookie, socket) => {
        const isSame = given.has(socket);
        given.add(socket);
        return hasSession(cookie) && (ends || isSame);
      }, ends),
    );
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert"));
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
  });

  test("one that looks at the certificate all the same is enforced", async () => {
    const endpoint = await probing(handingOut(() => false, true));
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert", "second-request"));
  });

  test.each([
    ["on another connection", true],
    ["on the same connection", false],
  ])("over HTTP/2, %s, it is found", async (_where, ends) => {
    const given = new WeakSet<object>();
    const port = await http2Server(options(), ({ stream, socket, headers }, response) => {
      const session = stream.session ?? stream;
      const mayBring = ends !== given.has(session);
      given.add(session);
      const isServed = (socket as TLSSocket).authorized || (mayBring && hasSession(headers.cookie));
      response.writeHead(isServed ? 200 : 403, { "set-cookie": ["theme=dark", "session=1; HttpOnly"] });
      response.end(isServed ? "the page" : "no");
    });
    const endpoint = await probed(world, `h2://localhost:${port}/secret`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
  });
});

describe.concurrent("of gRPC", () => {
  /** Answers calls by what `admits` says of the nth one of a session that has no valid certificate. */
  const calls = async (admits: (nth: number) => boolean) => {
    const counts = new WeakMap<object, number>();
    const port = await http2Server(options(), ({ stream, socket }, response) => {
      const session = stream.session ?? stream;
      const nth = counts.get(session) ?? 0;
      counts.set(session, nth + 1);
      const isServed = (socket as TLSSocket).authorized || admits(nth);
      const fields = { "content-type": "application/grpc" };
      if (!isServed) return void response.writeHead(200, { ...fields, "grpc-status": "16" }).end();
      response.writeHead(200, fields);
      response.addTrailers({ "grpc-status": "0" });
      response.end(Buffer.of(0, 0, 0, 0, 2, 8, 1));
    });
    return probed(world, `grpcs://localhost:${port}`, { attacks });
  };

  test("a check of each call refuses it", async () => {
    const endpoint = await calls(() => false);
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert", "second-request"));
  });

  test("a check of the first call of a connection is found", async () => {
    const endpoint = await calls((nth) => nth > 0);
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert"));
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
  });
});

test.concurrent("a server that keeps no connection has let nobody ask again", async () => {
  const endpoint = await probing((request, response) => {
    const isKnown = (request.socket as TLSSocket).authorized;
    const status = isKnown || request.url === "/" ? 200 : 403;
    response.writeHead(status, { connection: "close" }).end(isKnown ? "the page" : "hello");
  });
  expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  const evidence = endpoint.attacks.find(({ id }) => id === "second-request")?.evidence;
  expect(evidence).toBe("closed after the first request; the control: HTTP 200");
});

test.concurrent("responses in chunks and without a body are followed", async () => {
  const endpoint = await probing((request, response) => {
    if ((request.socket as TLSSocket).authorized) return void response.end("the page");
    if (request.url === "/") return void response.writeHead(204).end();
    response.writeHead(403);
    response.write("in ");
    response.end("parts");
  });
  expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  expect(endpoint.attacks.find(({ id }) => id === "second-request")?.evidence).toMatch(/^HTTP 403/);
});

describe.concurrent("over HTTP/2, on one stream after the other", () => {
  const probing2 = async (admits: (session: object, path: string) => boolean) => {
    const port = await http2Server(options(), (request, response) => {
      const { session } = request.stream;
      const isKnown = (request.socket as TLSSocket).authorized;
      const admitted = isKnown || (session !== undefined && admits(session, request.url));
      response.writeHead(admitted ? 200 : 403);
      response.end(admitted ? `page ${request.url}` : "no");
    });
    return probed(world, `h2://localhost:${port}/secret`, { attacks });
  };

  test("a check of each request refuses it", async () => {
    const endpoint = await probing2(() => false);
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert", "second-request"));
    expect(endpoint.attacks.find(({ id }) => id === "second-request")?.evidence).toMatch(/^HTTP 403/);
  });

  test("a session that is let in for a public page, and to the target with it, is found", async () => {
    const known = new WeakSet<object>();
    const endpoint = await probing2((session, path) => {
      if (path === "/") known.add(session);
      return known.has(session);
    });
    expect(withOutcome(endpoint, "refused")).toEqual(on13("no-cert"));
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
  });

  test("one that was turned away once and is not looked at again is found", async () => {
    const turnedAway = new WeakSet<object>();
    const endpoint = await probing2((session, path) => {
      const again = turnedAway.has(session);
      if (path === "/secret") turnedAway.add(session);
      return again;
    });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("second-request"));
  });

  test("a server that goes away after the first request has let nobody ask again", async () => {
    const server = createSecureServer(options(), (request, response) => {
      const isKnown = (request.socket as TLSSocket).authorized;
      response.writeHead(isKnown ? 200 : 403);
      response.end(isKnown ? "the page" : "no");
      if (!isKnown) request.stream.on("close", () => request.stream.session?.destroy());
    });
    server.on("sessionError", () => {});
    const endpoint = await probed(world, `h2://localhost:${await listening(server)}/secret`, { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });
});
