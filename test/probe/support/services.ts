import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";

/** What only valid clients should get. */
export const SECRET = "the fleet's secret";

/** After a session without a certificate was resumed, `authorized` alone is true as well. */
export const isAuthorized = (request: Pick<IncomingMessage, "socket">): boolean => {
  const socket = request.socket as TLSSocket;
  return socket.authorized && (socket.getPeerCertificate().raw as Buffer | undefined) !== undefined;
};

export const serve = (response: ServerResponse): void => void response.end(SECRET);
export const deny = (response: ServerResponse): void => void response.writeHead(403).end("no");

export const hello = (_request: IncomingMessage, response: ServerResponse): void =>
  void response.end("hello");

/** Serves everybody. */
export const always: RequestListener = (_request, response) => serve(response);
/** Serves valid clients alone. */
export const authorized: RequestListener = (request, response) =>
  isAuthorized(request) ? serve(response) : deny(response);

/** Answers the only request of a connection. */
export const answerOnce = (tls: TLSSocket): void =>
  void tls.once("data", () =>
    tls.end(`HTTP/1.1 200 OK\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`),
  );
