import { createServer, type AddressInfo, type Server } from "node:net";
import {
  createSecureServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
} from "node:http2";
import { createServer as createHttps } from "node:https";
import type { RequestListener } from "node:http";
import { createServer as createTls, type TlsOptions, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { atEndOfTest } from "../../support/ending.ts";

/** Listens on loopback until the test ends; gives the port. */
export async function listening(server: Server, host = "127.0.0.1"): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, host, resolve);
  });
  atEndOfTest(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A TCP server; the port. */
export function tcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  return listening(createServer(onConnection));
}

export function httpsServer(
  options: TlsOptions,
  onRequest: RequestListener,
  onConnection: (socket: Socket) => void = () => {},
): Promise<number> {
  return listening(createHttps(options, onRequest).on("connection", onConnection));
}

export function tlsServer(options: TlsOptions, onSession: (socket: TLSSocket) => unknown): Promise<number> {
  return listening(
    createTls(options, (socket) => {
      socket.on("error", () => {});
      onSession(socket);
    }),
  );
}

/** HTTP/2 alone, by ALPN. */
export function http2Server(
  options: SecureServerOptions,
  onRequest: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<number> {
  const server = createHttp2({ ...options, allowHTTP1: false }, onRequest);
  server.on("sessionError", () => {});
  return listening(server);
}
