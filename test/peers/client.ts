import { type OutgoingHttpHeaders } from "node:http";
import { request } from "node:https";
import type { SecureVersion } from "node:tls";
import type { TestLeaf } from "../support/authority.ts";

export interface Ask {
  readonly host: string;
  readonly port: number;
  /** CA of the gateway's certificate, PEM. */
  readonly ca: string;
  readonly serverName?: string;
  readonly client?: TestLeaf;
  readonly version?: SecureVersion;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request on a connection of its own; rejects where TLS or the connection fails. */
export function ask(options: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: options.host,
        port: options.port,
        ca: options.ca,
        servername: options.serverName ?? "gateway.fleet.internal",
        method: options.method ?? "GET",
        path: options.path ?? "/healthz",
        agent: false,
        timeout: 60_000,
        headers: { host: options.serverName ?? "gateway.fleet.internal", ...options.headers },
        ...options.client,
        ...(options.version === undefined
          ? {}
          : { minVersion: options.version, maxVersion: options.version }),
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (part: string) => (body += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", reject);
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")));
    outgoing.on("error", reject);
    outgoing.end(options.body);
  });
}
