import { randomBytes, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer, type ServerOptions } from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  createServer as createTls,
  type DetailedPeerCertificate,
  type Server,
  type TlsOptions,
  type TLSSocket,
} from "node:tls";
import { ROLE_TEXT } from "../../probe/support/certificates.ts";
import type { World } from "../../probe/support/probing.ts";
import { type Animal, lax, type Member, strict } from "./zoo.ts";

/** An HTTPS server of this process; `admits` is the application's own check. */
function node(options: ServerOptions, admits: (socket: TLSSocket) => boolean = () => true): Member["start"] {
  return async (_program, { world }) => {
    const { pem, keyPem } = world.server;
    const tls = { cert: pem, key: keyPem, ca: [world.root.pem], requestCert: true, ...options };
    const server = createServer(tls, (request: IncomingMessage, response) => {
      const admitted = admits(request.socket as TLSSocket);
      response.writeHead(admitted ? 200 : 403).end(admitted ? "welcome to the fleet" : "no");
    });
    return listening(server, () => server.closeAllConnections());
  };
}

/** Nobody else's certificate has it; `getPeerCertificate` gives an empty object where there is none. */
const holdsRole = ({ raw }: { raw?: Buffer }) => raw?.includes(ROLE_TEXT) === true;
const hasRole = (socket: TLSSocket) => holdsRole(socket.getPeerCertificate());
/** Whether what the client sent leads to its CA, by names and key identifiers alone. */
const leadsTo =
  ({ ca }: World) =>
  (socket: TLSSocket) => {
    const { issuerCertificate }: Partial<DetailedPeerCertificate> = socket.getPeerCertificate(true);
    return issuerCertificate?.fingerprint256 === new X509Certificate(ca.pem).fingerprint256;
  };
const isExpired = ({ authorizationError }: TLSSocket) => String(authorizationError) === "CERT_HAS_EXPIRED";

/** A binary protocol: a client that says nothing is waited for, a line of text is none of its messages. */
function binary(options: TlsOptions): Member["start"] {
  return async (_program, { world }) => {
    const { pem, keyPem } = world.server;
    const tls = { cert: pem, key: keyPem, ca: [world.root.pem], requestCert: true, ...options };
    const sockets = new Set<TLSSocket>();
    const server = createTls(tls, (socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", () => socket.destroy());
    });
    return listening(server, () => {
      for (const socket of sockets) socket.destroy();
    });
  };
}

export async function listening(server: Server, hangUp: () => void): Promise<Animal> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      hangUp();
      server.close();
      await once(server, "close");
    },
  };
}

/** With a server beside it that lets in whoever comes. */
function besideLax(tickets: () => ServerOptions): Member["start"] {
  return async (program, enclosure) => {
    const common = tickets();
    const [strictOne, laxOne] = [
      await node({ rejectUnauthorized: true, ...common })(program, enclosure),
      await node({ rejectUnauthorized: false, ...common })(program, enclosure),
    ];
    return {
      port: strictOne.port,
      beside: [`https://localhost:${laxOne.port}`],
      stop: async () => {
        await Promise.all([strictOne.stop(), laxOne.stop()]);
      },
    };
  };
}

export const nodes: readonly Member[] = [
  ...strict("Node", "https", {
    "`requestCert`, `rejectUnauthorized`": node({ rejectUnauthorized: true }),
    "the same, TLS 1.2 alone": node({ rejectUnauthorized: true, maxVersion: "TLSv1.2" }),
    "the same, beside a server that demands nothing, `ticketKeys` apart": besideLax(() => ({})),
    "`requestCert`, `rejectUnauthorized`, over the group P-521 alone": node({
      rejectUnauthorized: true,
      ecdhCurve: "P-521",
    }),
    // on TLS 1.3 Node takes a resumed session for an authorised one; here it does not
    "`rejectUnauthorized: false`, and a check of `socket.authorized`, TLS 1.2 alone": node(
      { rejectUnauthorized: false, maxVersion: "TLSv1.2" },
      ({ authorized }) => authorized,
    ),
    "the same, and that `issuerCertificate` is the CA's": async (program, enclosure) =>
      node(
        { rejectUnauthorized: false, maxVersion: "TLSv1.2" },
        (socket) => socket.authorized && leadsTo(enclosure.world)(socket),
      )(program, enclosure),
    "`rejectUnauthorized: false`, and a check of `socket.authorized` and of a role in an extension, TLS 1.2 alone":
      node(
        { rejectUnauthorized: false, maxVersion: "TLSv1.2" },
        (socket) => socket.authorized && hasRole(socket),
      ),
  }),
  ...strict("Node", "tls", {
    "`rejectUnauthorized`, a service that hangs up on a line": binary({ rejectUnauthorized: true }),
  }),
  ...lax("Node", "tls", {
    "`rejectUnauthorized: false`, a service that hangs up on a line": [
      ["no-cert", "self-signed", "wrong-ca"],
      binary({ rejectUnauthorized: false }),
    ],
  }),
  ...lax("Node", "https", {
    "`rejectUnauthorized: false`": [
      ["no-cert", "self-signed", "wrong-ca", "twin-ca", "expired"],
      node({ rejectUnauthorized: false }),
    ],
    "`rejectUnauthorized: false`, and a check of `socket.authorized`": [
      ["resume-no-cert"],
      node({ rejectUnauthorized: false }, ({ authorized }) => authorized),
    ],
    "`rejectUnauthorized`, beside a server that demands nothing, `ticketKeys` in common": [
      ["resume-cross-host"],
      besideLax(() => ({ ticketKeys: randomBytes(48) })),
    ],
    "`rejectUnauthorized: false`, and a check of a role in an extension": [
      ["self-signed", "wrong-ca", "twin-ca", "expired"],
      node({ rejectUnauthorized: false }, hasRole),
    ],
    "`rejectUnauthorized: false`, and a check of a role and of `authorized`, of which CERT_HAS_EXPIRED is forgiven, TLS 1.2 alone":
      [
        ["expired", "resume-after-reject"],
        node(
          { rejectUnauthorized: false, maxVersion: "TLSv1.2" },
          (socket) => hasRole(socket) && (socket.authorized || isExpired(socket)),
        ),
        "alone",
      ],
    "`rejectUnauthorized: false`, and a check that `issuerCertificate` is the CA's": [
      ["twin-ca"],
      async (program, enclosure) =>
        node({ rejectUnauthorized: false, ca: [] }, leadsTo(enclosure.world))(program, enclosure),
    ],
    "`rejectUnauthorized: false`, and a check that there is a certificate": [
      ["self-signed", "wrong-ca", "twin-ca"],
      node({ rejectUnauthorized: false }, (socket) => Object.keys(socket.getPeerCertificate()).length > 0),
    ],
  }),
];
