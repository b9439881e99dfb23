import type { RequestListener } from "node:http";
import { connect, type Socket } from "node:net";
import { createSecureContext, type TlsOptions, TLSSocket } from "node:tls";
import { httpsServer, tcpServer } from "./servers.ts";

const HANDSHAKE = 0x16;

/**
 * A port with HTTPS, and with something else for who begins otherwise; gives the port.
 * @param otherwise what it does with them, and with their first bytes
 */
export async function sniffingServer(
  options: TlsOptions,
  onRequest: RequestListener,
  otherwise: (socket: Socket, first: Buffer) => void,
): Promise<number> {
  const inner = await httpsServer(options, onRequest);
  return tcpServer((socket) => {
    socket.once("data", (first: Buffer) => {
      if (first[0] === HANDSHAKE) relay(socket, first, inner);
      else otherwise(socket, first);
    });
  });
}

/** Goes on with another port of the loopback. */
export function relay(socket: Socket, first: Buffer | undefined, port: number): void {
  const to = connect(port, "127.0.0.1");
  to.on("error", () => socket.destroy());
  if (first !== undefined) to.write(first);
  socket.pipe(to).pipe(socket);
}

/** Goes on with TLS that asks for no certificate; what is decrypted goes to `serve`. */
export function upgradeToLaxTls(socket: Socket, options: TlsOptions, serve: (tls: TLSSocket) => void): void {
  const tls = new TLSSocket(socket, {
    isServer: true,
    secureContext: createSecureContext({ cert: options.cert, key: options.key }),
  });
  tls.on("error", () => {});
  serve(tls);
}
