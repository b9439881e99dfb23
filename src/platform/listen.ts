import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { FleetsecError } from "../errors.ts";

/** Milliseconds that requests in flight are given when a server closes. */
const GRACE = 2_000;

/**
 * Begins to listen; gives the port, which matters where a free one (0) was asked for.
 * @throws FleetsecError `input` for an address that cannot be listened on
 */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "it is in use" : (cause.code ?? cause.message);
      reject(
        new FleetsecError("input", `cannot listen on ${host}:${port}: ${reason}`, {
          hint: "choose another address with --listen",
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Stops accepting, lets requests in flight finish for a moment, and closes. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE);
  await closed;
  clearTimeout(timer);
}
