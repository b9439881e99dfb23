import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { atEndOfTest } from "./ending.ts";

export interface TestServer {
  /** Ends with a slash. */
  readonly url: string;
  /** Method and path of every request, as they came. */
  readonly requests: string[];
}

/** An HTTP server on the loopback, stopped when the test ends. */
export async function serveHttp(listener: RequestListener): Promise<TestServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    // a client that has heard enough hangs up
    response.on("error", () => {});
    listener(request, response);
  });
  // connections that are kept must not be closed under a test on a busy machine
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEndOfTest(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve(undefined)));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests };
}
