import { ILLEGAL_PARAMETER, MISSING_EXTENSION, PROTOCOL_VERSION, UNEXPECTED_MESSAGE } from "./alerts.ts";
import { type CipherSuite, cipherSuites } from "./cipher-suites.ts";
import { sendCompatibility, sendMessage } from "./connection.ts";
import { ExtensionType, type Extensions, parseCode, parseCookie, parseKeyShare } from "./extensions.ts";
import { groupOf, groups, keyShare } from "./groups.ts";
import { type HandshakeMessage, parseServerHello, type ServerHello } from "./handshake.ts";
import { clientHello13, type Hello13 } from "./hello.ts";
import { trafficKeys } from "./key-schedule.ts";
import { onlyOf } from "./negotiated.ts";
import { ProtocolError } from "./protocol-error.ts";
import { opener13, plainSealer, sealer13 } from "./protection.ts";
import { earlySecret, handshakeSecret } from "./secrets13.ts";
import type { Settings } from "./settings.ts";
import { type Client13, type In, loggedSecret, type State13 } from "./state13.ts";

/** ServerHello or HelloRetryRequest (RFC 8446, sections 4.1.3 and 4.1.4). @throws ProtocolError */
export function onServerHello(
  client: Client13,
  state: In<"wait-server-hello">,
  message: HandshakeMessage,
): State13 {
  const hello = parseServerHello(message.body);
  if (hello.version !== "1.3") throw new ProtocolError(`TLS ${hello.version} was chosen`, PROTOCOL_VERSION);
  const suite = suiteOf(client, state, hello);
  if (!Buffer.from(hello.sessionId).equals(state.hello.sessionId)) {
    throw new ProtocolError("another session id", ILLEGAL_PARAMETER);
  }
  if (hello.retry) return onRetry(client, state, hello, suite, message);
  onlyOf(hello.extensions, [
    ExtensionType.supportedVersions,
    ExtensionType.keyShare,
    ExtensionType.preSharedKey,
  ]);
  const psk = resumedSecret(client, hello);
  const { group, secret: shared } = agree(state.hello, hello.extensions);
  client.transcript.add(message);
  const secret = handshakeSecret(suite.hash, earlySecret(suite.hash, psk), shared);
  const serverSecret = loggedSecret(client, suite, secret, "s hs traffic", "SERVER_HANDSHAKE_TRAFFIC_SECRET");
  const clientSecret = loggedSecret(client, suite, secret, "c hs traffic", "CLIENT_HANDSHAKE_TRAFFIC_SECRET");
  const { records } = client.connection;
  records.openWith(opener13(suite, trafficKeys(suite, serverSecret)));
  // 0-RTT data goes on under its own keys until the server has taken or refused it
  if (!state.hello.earlyData) records.sealWith(sealer13(suite, trafficKeys(suite, clientSecret)));
  const { cipherSuite } = hello;
  const resumed = psk !== undefined;
  const agreed = { suite, cipherSuite, group, resumed, handshakeSecret: secret, clientSecret, serverSecret };
  return { at: "wait-encrypted-extensions", agreed, hello: state.hello };
}

function suiteOf(
  { connection }: Client13,
  { retried }: In<"wait-server-hello">,
  { cipherSuite }: ServerHello,
): CipherSuite {
  const suite = cipherSuites.get(cipherSuite);
  const offered = connection.settings.cipherSuites.includes(cipherSuite);
  if (suite === undefined || !offered || (retried !== undefined && retried !== cipherSuite)) {
    throw new ProtocolError("a cipher suite that was not offered", ILLEGAL_PARAMETER);
  }
  return suite;
}

/** The second ClientHello: another key share, the cookie, no 0-RTT (RFC 8446, section 4.1.2). */
function onRetry(
  { connection, transcript, random }: Client13,
  { hello, retried }: In<"wait-server-hello">,
  { extensions, cipherSuite }: ServerHello,
  suite: CipherSuite,
  message: HandshakeMessage,
): State13 {
  if (retried !== undefined) throw new ProtocolError("a second HelloRetryRequest", UNEXPECTED_MESSAGE);
  onlyOf(extensions, [ExtensionType.supportedVersions, ExtensionType.keyShare, ExtensionType.cookie]);
  const share = extensions.get(ExtensionType.keyShare);
  const cookie = extensions.get(ExtensionType.cookie);
  if (share === undefined && cookie === undefined) {
    throw new ProtocolError("a HelloRetryRequest that changes nothing", ILLEGAL_PARAMETER);
  }
  const { settings } = connection;
  const shares = share === undefined ? hello.shares : [askedShare(parseCode(share), hello, settings)];
  transcript.replaceByHash(suite.hash);
  transcript.add(message);
  const second: Hello13 = {
    ...hello,
    random,
    shares,
    earlyData: false,
    cookie: cookie === undefined ? undefined : parseCookie(cookie),
  };
  if (hello.earlyData) connection.earlyDataTaken = false;
  sendCompatibility(connection);
  const retry = clientHello13(withPskFor(suite, settings), second, transcript);
  connection.records.sealWith(plainSealer());
  sendMessage(connection, retry, settings.helloFragment);
  transcript.add(retry);
  return { at: "wait-server-hello", hello: second, retried: cipherSuite };
}

/** A PSK of another hash than the suite's is left out (RFC 8446, section 4.1.4). */
function withPskFor({ hash }: CipherSuite, chosen: Settings): Settings {
  const { session } = chosen;
  const fits = session !== undefined && cipherSuites.get(session.cipherSuite)?.hash === hash;
  return fits ? chosen : { ...chosen, session: undefined };
}

/** A share of the group that the server asks for: one that we offered and have not sent. */
function askedShare(code: number, { shares }: Hello13, { groups: offered, random }: Settings) {
  const group = groupOf(code);
  if (group === undefined || !offered.includes(group) || shares.some((sent) => sent.group === group)) {
    throw new ProtocolError("a group that was not offered, or that it has a share of", ILLEGAL_PARAMETER);
  }
  return keyShare(group, random);
}

function agree({ shares }: Hello13, extensions: Extensions) {
  const data = extensions.get(ExtensionType.keyShare);
  if (data === undefined) throw new ProtocolError("no key share", MISSING_EXTENSION);
  const { group, publicKey } = parseKeyShare(data);
  const share = shares.find((sent) => groups[sent.group] === group);
  if (share === undefined) throw new ProtocolError("a group that we sent no share of", ILLEGAL_PARAMETER);
  return { group: share.group, secret: share.agree(publicKey) };
}

/** The PSK, where the server took the one that was offered (RFC 8446, section 4.2.11). */
function resumedSecret({ connection }: Client13, { extensions, cipherSuite }: ServerHello) {
  const chosen = extensions.get(ExtensionType.preSharedKey);
  if (chosen === undefined) return undefined;
  const { session } = connection.settings;
  const hashOf = (suite: number) => cipherSuites.get(suite)?.hash;
  if (
    session === undefined ||
    parseCode(chosen) !== 0 ||
    hashOf(session.cipherSuite) !== hashOf(cipherSuite)
  ) {
    throw new ProtocolError("a PSK that was not offered", ILLEGAL_PARAMETER);
  }
  return session.secret;
}
