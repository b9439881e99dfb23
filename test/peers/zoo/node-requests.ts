import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Duplex } from "node:stream";
import { createServer as createTls, type TLSSocket } from "node:tls";
import { listening } from "./node.ts";
import { lax, type Member, strict } from "./zoo.ts";

/**
 * Applications that ask each request for the client's certificate, and forms of request that lead around that. TLS 1.2
 * alone: in 1.3 Node takes a resumed session for an authorised one.
 */

const isAuthorized = ({ socket }: IncomingMessage) => (socket as TLSSocket).authorized;
const serve = (response: ServerResponse) => void response.end("welcome to the fleet");
const deny = (response: ServerResponse) => void response.writeHead(403).end("no");
const checked: RequestListener = (request, response) =>
  isAuthorized(request) ? serve(response) : deny(response);

/** @param extend adds the events that the handler of requests hears nothing of */
function application(
  onRequest: RequestListener,
  extend: (server: Server, keep: (socket: Duplex) => void) => void = () => {},
): Member["start"] {
  return async (_program, { world }) => {
    const { pem, keyPem } = world.server;
    const tls = { cert: pem, key: keyPem, ca: [world.root.pem], requestCert: true };
    const server = createServer({ ...tls, rejectUnauthorized: false, maxVersion: "TLSv1.2" }, onRequest);
    const sockets = new Set<Duplex>();
    extend(server, (socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
    });
    return listening(server, () => {
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
    });
  };
}

/** Hangs up on clients without a certificate, of whatever kind. */
const demandingAny = (server: Server) =>
  server.on("secureConnection", (socket) => {
    if (socket.getPeerX509Certificate() === undefined) socket.destroy();
  });

/** It hands out a cookie to everybody. */
const withCookies = (isChecked: boolean) =>
  application((request, response) => {
    const isKnown = isAuthorized(request) || (!isChecked && request.headers.cookie === "session=1");
    response.setHeader("set-cookie", "session=1; HttpOnly; Secure");
    return isKnown ? serve(response) : deny(response);
  });

const upgrading = (isChecked: boolean, before: (server: Server) => unknown = () => {}) =>
  application(checked, (server, keep) => {
    before(server);
    server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
      keep(socket);
      if (isChecked && !isAuthorized(request)) return void socket.destroy();
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    });
  });

const expecting = (isChecked: boolean) =>
  application(checked, (server) =>
    server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      if (isChecked && !isAuthorized(request)) return deny(response);
      response.writeContinue();
      serve(response);
    }),
  );

const tunnelling = (isChecked: boolean) =>
  application(checked, (server, keep) =>
    server.on("connect", (request: IncomingMessage, socket: Duplex) => {
      keep(socket);
      if (isChecked && !isAuthorized(request)) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
    }),
  );

/** It asks each connection once, at its first request. */
function onceForAll(): Member["start"] {
  const known = new WeakSet<object>();
  return application((request, response) => {
    const isAdmitted = isAuthorized(request) || known.has(request.socket);
    known.add(request.socket);
    return isAdmitted ? serve(response) : deny(response);
  });
}

/** A denial of which there is always more to come. */
const endless: RequestListener = (request, response) => {
  if (isAuthorized(request)) return serve(response);
  response.writeHead(403).flushHeaders();
  const more = setInterval(() => response.write("."), 200);
  response.on("close", () => clearInterval(more));
};

/** A page at `/` that is also served to who names it in a field, as a proxy does that has rewritten the path. */
function renaming(isChecked: boolean): Member["start"] {
  return application((request, response) => {
    const path = String(request.headers["x-original-url"] ?? request.url);
    if ((isChecked ? path : request.url) === "/" && !isAuthorized(request)) return deny(response);
    return path === "/" ? serve(response) : void response.writeHead(404).end("nothing");
  });
}

/** A server of its own making that answers all the requests of one read. */
function reading(isFirstAlone: boolean): Member["start"] {
  return async (_program, { world }) => {
    const { pem, keyPem } = world.server;
    const tls = { cert: pem, key: keyPem, ca: [world.root.pem], requestCert: true };
    const sockets = new Set<TLSSocket>();
    const server = createTls({ ...tls, rejectUnauthorized: false, maxVersion: "TLSv1.2" }, (socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (read) => {
        const requests = read.toString("latin1").split("\r\n\r\n").slice(0, -1);
        for (const place of requests.keys()) {
          const isServed = socket.authorized || (isFirstAlone && place > 0);
          socket.write(isServed ? PAGE : DENIAL);
        }
      });
    });
    return listening(server, () => {
      for (const socket of sockets) socket.destroy();
    });
  };
}
const PAGE = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe page";
const DENIAL = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";

export const nodesByRequest: readonly Member[] = [
  ...strict("Node", "https", {
    "`rejectUnauthorized: false`, and a check of `socket.authorized` in each event, `upgrade` too, TLS 1.2 alone":
      upgrading(true),
    "the same, hanging up on clients without any certificate": upgrading(true, demandingAny),
    "`rejectUnauthorized: false`, and a check of `socket.authorized`, also of who brings a cookie that everybody is given":
      withCookies(true),
    "the same with `checkContinue`": expecting(true),
    "the same with `connect`": tunnelling(true),
    "a check of the path that `X-Original-URL` names": renaming(true),
    "`node:tls`, and a check of each request of a read": reading(false),
    "`rejectUnauthorized: false`, and a check of `socket.authorized` that denies without an end":
      application(endless),
  }),
  ...lax("Node", "https", {
    "`rejectUnauthorized: false`, and a check of `socket.authorized` but in the `upgrade` event, TLS 1.2 alone":
      [["h2c-upgrade"], upgrading(false), "alone"],
    "the same, hanging up on clients without any certificate": [
      ["h2c-upgrade"],
      upgrading(false, demandingAny),
      "alone",
    ],
    "`rejectUnauthorized: false`, and a check of `socket.authorized` but of who brings a cookie that everybody is given":
      [["second-request"], withCookies(false), "alone"],
    "the same but in the `checkContinue` event (`Expect: 100-continue`)": [
      ["path-tricks"],
      expecting(false),
      "alone",
    ],
    "the same but in the `connect` event (CONNECT)": [["h2c-upgrade"], tunnelling(false), "alone"],
    "`rejectUnauthorized: false`, and a check of `socket.authorized` in a connection's first request alone, TLS 1.2 alone":
      [["second-request"], onceForAll(), "alone"],
    "the same for the path of the request line, where `X-Original-URL` names the one that is served": [
      ["path-tricks"],
      renaming(false),
      "alone",
    ],
    "`node:tls`, and a check of the first request of each read": [["second-request"], reading(true), "alone"],
    "`rejectUnauthorized: false`, and 401 to everybody without a token, TLS 1.2 alone": [
      ["no-cert", "self-signed", "wrong-ca", "twin-ca", "expired"],
      application((_request, response) => void response.writeHead(401).end("a token, please")),
    ],
  }),
];
