import { constants } from "node:crypto";
import type { ConnectionOptions, Network, SecureContext, TLSSocket } from "../platform/network.ts";
import type { TlsDial } from "./exchange.ts";
import { newSession, type Session } from "./session.ts";
import type { Tap } from "./tap.ts";
import type { TlsVersion } from "./wire/versions.ts";

/**
 * Every suite with an authenticated server, at security level 0: our own library must never be
 * what refuses a weak certificate or an old version, or the server's own answer stays unknown.
 */
const CIPHERS =
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:DEFAULT:@SECLEVEL=0";

/** More than anybody resumes. */
const MAX_SESSIONS = 8;

/** TLS by the platform's library over a tapped connection. */
export function tlsSession(network: Network, wire: Tap, dial: TlsDial, changed: () => void): Session {
  const session = newSession();
  const fail = (fault: string | undefined) => {
    session.localFault ??= fault;
    session.over = true;
    changed();
  };
  let socket: TLSSocket;
  try {
    socket = network.startTls(optionsFor(network, wire, dial));
  } catch (error) {
    // the library refuses the identity, or the version
    return Object.assign(session, {
      over: true,
      localFault: faultOf(error) ?? String(error),
      write: () => {},
    });
  }
  socket.on("keylog", (line) => session.secrets.add(line.toString("latin1")));
  socket.on("secureConnect", () => {
    session.ready = true;
    session.alpn = socket.alpnProtocol ?? false;
    // a string at run time, as documented
    if (!socket.authorized) session.untrusted = String(socket.authorizationError);
    changed();
  });
  socket.on("session", (bytes) => {
    if (session.sessions.length < MAX_SESSIONS) session.sessions.push(bytes);
    changed();
  });
  socket.on("data", (bytes) => {
    session.keep(bytes);
    changed();
  });
  socket.on("error", (error) => fail(faultOf(error)));
  socket.on("end", () => fail(undefined));
  socket.on("close", () => fail(undefined));
  return Object.assign(session, { write: (bytes: Uint8Array) => void socket.write(bytes) });
}

function optionsFor(network: Network, wire: Tap, dial: TlsDial): ConnectionOptions {
  const { psk, session } = dial;
  return {
    socket: wire.stream,
    host: dial.host,
    servername: dial.serverName,
    secureContext: contextFor(network, dial)(),
    // judged by us, after the handshake: an untrusted server is still asked what it accepts
    rejectUnauthorized: false,
    ...(session === undefined ? {} : { session: Buffer.from(session) }),
    ...(psk === undefined ? {} : { pskCallback: () => ({ identity: psk.identity, psk: psk.key }) }),
    ...(dial.alpn.length === 0 ? {} : { ALPNProtocols: [...dial.alpn] }),
  };
}

/** A context, or what the library has against the identity or the version: thrown by each use. */
type Context = () => SecureContext;

const NOBODY = {};
const contexts = new WeakMap<readonly string[], WeakMap<object, Map<string, Context>>>();

/** Makes what a connection needs before it is opened. Whatever fails does so when the connection uses it. */
export function prepareTls(network: Network, dial: TlsDial): void {
  if (dial.wire === undefined) contextFor(network, dial);
}

/** Parsing keys and a trust store costs more than a handshake: a run has few of them, and many connections. */
function contextFor(network: Network, dial: TlsDial): Context {
  const { version, bothVersions = false, withoutTickets = false, serverCa, identity } = dial;
  const { groups = "auto", ciphers = CIPHERS } = dial;
  const trusting = contexts.get(serverCa) ?? new WeakMap<object, Map<string, Context>>();
  contexts.set(serverCa, trusting);
  const owned = trusting.get(identity ?? NOBODY) ?? new Map<string, Context>();
  trusting.set(identity ?? NOBODY, owned);
  const key = [version, bothVersions, withoutTickets, groups, ciphers].join();
  const made = owned.get(key);
  if (made !== undefined) return made;
  const context = attempted(() =>
    network.secureContext({
      minVersion: NODE_VERSIONS[bothVersions ? "1.2" : version],
      maxVersion: NODE_VERSIONS[bothVersions ? "1.3" : version],
      secureOptions: withoutTickets ? constants.SSL_OP_NO_TICKET : 0,
      ecdhCurve: groups,
      ciphers,
      ca: [...serverCa],
      ...(identity === undefined ? {} : { cert: identity.certificates, key: identity.key }),
    }),
  );
  owned.set(key, context);
  return context;
}

function attempted<T>(make: () => T): () => T {
  try {
    const made = make();
    return () => made;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

const NODE_VERSIONS = {
  "1.0": "TLSv1",
  "1.1": "TLSv1.1",
  "1.2": "TLSv1.2",
  "1.3": "TLSv1.3",
} as const satisfies Record<TlsVersion, string>;

/**
 * An error of the TLS library's own making, as its code. Undefined for an alert that the server
 * sent, and for a connection that went away: those are in the transcript.
 */
function faultOf(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  const isLibrary = code !== undefined && /^ERR_(SSL|OSSL|TLS)_/.test(code);
  return isLibrary && !message.includes("SSL alert number") ? code : undefined;
}
