import { cipherSuites } from "./cipher-suites.ts";
import { type ClientHello, encodeClientHello } from "./client-hello.ts";
import * as extension from "./extensions.ts";
import { groups, type KeyShare } from "./groups.ts";
import { HandshakeType, type HandshakeMessage, encodeMessage } from "./handshake.ts";
import { hashLength, pskBinder } from "./secrets13.ts";
import type { ResumableSession } from "./session-ticket.ts";
import type { Settings } from "./settings.ts";
import type { Transcript } from "./transcript.ts";

const { ExtensionType } = extension;

/** What a second ClientHello has in common with the first, and what not. */
export interface Hello13 {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly shares: readonly KeyShare[];
  readonly cookie: Uint8Array | undefined;
  /** 0-RTT is offered in a first ClientHello alone (RFC 8446, section 4.1.2). */
  readonly earlyData: boolean;
}

/** The ClientHello of TLS 1.3. @param before the transcript up to it, which a binder covers */
export function clientHello13(settings: Settings, hello: Hello13, before: Transcript): HandshakeMessage {
  const { session } = settings;
  const extensions = common(settings);
  const shares = hello.shares.map(({ group, publicKey }) => ({ group: groups[group], publicKey }));
  extensions.set(ExtensionType.supportedVersions, extension.encodeSupportedVersions([0x0304]));
  extensions.set(ExtensionType.pskKeyExchangeModes, extension.pskWithDhe);
  extensions.set(ExtensionType.keyShare, extension.encodeKeyShares(shares));
  if (hello.cookie) extensions.set(ExtensionType.cookie, extension.encodeCookie(hello.cookie));
  if (settings.script.later) extensions.set(ExtensionType.postHandshakeAuth, NOTHING);
  if (hello.earlyData) extensions.set(ExtensionType.earlyData, NOTHING);
  if (session === undefined) return clientHello(settings, hello, extensions);
  return withBinder(settings, hello, extensions, session, before);
}

/** The ClientHello of TLS 1.2. @param verifyData ours of the handshake before; empty in a first one */
export function clientHello12(
  settings: Settings,
  hello: Pick<ClientHello, "random" | "sessionId">,
  verifyData: Uint8Array,
): HandshakeMessage {
  const extensions = common(settings);
  extensions.set(ExtensionType.ecPointFormats, extension.uncompressedPoints);
  extensions.set(ExtensionType.renegotiationInfo, extension.encodeRenegotiationInfo(verifyData));
  // a ticket goes with a session id, by which the server says that it took it
  const ticket = hello.sessionId.length > 0 ? settings.session?.ticket : undefined;
  extensions.set(ExtensionType.sessionTicket, ticket ?? NOTHING);
  if (settings.extendedMasterSecret) extensions.set(ExtensionType.extendedMasterSecret, NOTHING);
  return clientHello(settings, hello, extensions);
}

const NOTHING = new Uint8Array();

function common(settings: Settings): Map<number, Uint8Array> {
  const { serverName, alpn } = settings;
  const extensions = new Map<number, Uint8Array>();
  if (serverName !== "") extensions.set(ExtensionType.serverName, extension.encodeServerName(serverName));
  const codes = settings.groups.map((group) => groups[group]);
  extensions.set(ExtensionType.supportedGroups, extension.encodeCodes(codes));
  extensions.set(ExtensionType.signatureAlgorithms, extension.encodeCodes(settings.schemes));
  if (alpn.length > 0) extensions.set(ExtensionType.alpn, extension.encodeAlpn(alpn));
  return extensions;
}

function clientHello(
  { cipherSuites: suites }: Settings,
  { random, sessionId }: Pick<ClientHello, "random" | "sessionId">,
  extensions: ReadonlyMap<number, Uint8Array>,
): HandshakeMessage {
  const body = encodeClientHello({ random, sessionId, cipherSuites: suites, extensions });
  return { type: HandshakeType.clientHello, body };
}

/** With pre_shared_key at its end, whose binder covers all before the binders (RFC 8446, section 4.2.11.2). */
function withBinder(
  settings: Settings,
  hello: Hello13,
  extensions: Map<number, Uint8Array>,
  session: ResumableSession,
  before: Transcript,
): HandshakeMessage {
  const hash = cipherSuites.get(session.cipherSuite)?.hash ?? "sha256";
  const age = (Math.max(0, Math.round(settings.now() - session.receivedAt)) + session.ageAdd) % 2 ** 32;
  const filled = (binder: Uint8Array) => {
    extensions.set(ExtensionType.preSharedKey, extension.encodePreSharedKey(session.ticket, age, binder));
    return clientHello(settings, hello, extensions);
  };
  const draft = encodeMessage(filled(new Uint8Array(hashLength[hash])));
  const truncated = draft.subarray(0, -extension.bindersLength(hashLength[hash]));
  return filled(pskBinder(hash, session.secret, before.hash(hash, truncated)));
}
