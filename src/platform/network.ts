import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { ConnectionOptions, SecureContext, SecureContextOptions, TLSSocket } from "node:tls";
import { FleetsecError } from "../errors.ts";
import { nodeDns, nodeTls } from "./builtins.ts";
import { type HttpAnswer, type HttpRequest, httpRequest } from "./http.ts";

export type { ConnectionOptions, SecureContext, Socket, TLSSocket };

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Outgoing connections. */
export interface Network {
  /**
   * Every address of a name (AAAA and A) in the resolver's order, each once; an IP address is its own.
   * @throws FleetsecError `unreachable` for a name that does not resolve
   */
  lookup(host: string): Promise<readonly Address[]>;
  /** Starts a TCP connection to an IP address; what becomes of it is in the socket's events. */
  connect(address: string, port: number): Socket;
  /** What connections with the same keys, trust and versions can share: it is costly to make. */
  secureContext(options: SecureContextOptions): SecureContext;
  /** Starts TLS over a stream. */
  startTls(options: ConnectionOptions): TLSSocket;
  /** Asks a service. @throws FleetsecError `unreachable` where no whole answer came */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** The certificates (PEM) that this machine trusts for servers. */
  readonly rootCertificates: readonly string[];
}

export const systemNetwork: Network = {
  async lookup(host) {
    const family = isIP(host);
    if (family !== 0) return [{ address: host, family: family === 6 ? 6 : 4 }];
    try {
      const found = await nodeDns().lookup(host, { all: true, verbatim: true });
      const unique = new Map(
        found.map(({ address, family: kind }) => [
          address,
          { address, family: kind === 6 ? (6 as const) : (4 as const) },
        ]),
      );
      return [...unique.values()];
    } catch (cause) {
      throw new FleetsecError("unreachable", `${host} does not resolve`, {
        hint: "check the name, or use an IP address",
        cause,
      });
    }
  },
  // noDelay: a client's flight must not wait for the acknowledgement of the one before
  connect: (address, port) => connectTcp({ host: address, port, noDelay: true, allowHalfOpen: true }),
  secureContext: (options) => nodeTls().createSecureContext(options),
  startTls: (options) => nodeTls().connect(options),
  request: httpRequest,
  get rootCertificates() {
    return nodeTls().rootCertificates;
  },
};
