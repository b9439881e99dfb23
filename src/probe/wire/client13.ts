import { timingSafeEqual } from "node:crypto";
import {
  DECODE_ERROR,
  DECRYPT_ERROR,
  ILLEGAL_PARAMETER,
  MISSING_EXTENSION,
  UNEXPECTED_MESSAGE,
} from "./alerts.ts";
import { cipherSuites } from "./cipher-suites.ts";
import { parse } from "./codec.ts";
import { type Connection, sendCompatibility, sendMessage } from "./connection.ts";
import { connected, onLater, write13 } from "./connected13.ts";
import { ExtensionType, parseAlpn, parseExtensions, parseFlag } from "./extensions.ts";
import { keyShare } from "./groups.ts";
import {
  type HandshakeMessage,
  HandshakeType,
  parseCertificateRequest,
  parseCertificates,
  parseCertificateVerify,
  signedContent,
} from "./handshake.ts";
import { clientHello13 } from "./hello.ts";
import { trafficKeys } from "./key-schedule.ts";
import { expectType, type Machine, unexpected } from "./machine.ts";
import { offeredProtocol, onlyOf } from "./negotiated.ts";
import { ProtocolError } from "./protocol-error.ts";
import { plainSealer, sealer13 } from "./protection.ts";
import { earlySecret, finishedMac } from "./secrets13.ts";
import { onServerHello } from "./server-hello13.ts";
import { checkServerProof, trustedKey } from "./server-proof.ts";
import { type Agreed, type Client13, type In, loggedSecret, type State13 } from "./state13.ts";
import { transcript } from "./transcript.ts";

/** The client's side of a TLS 1.3 handshake. */
export function client13(connection: Connection): Machine {
  const client = { connection, transcript: transcript(), random: connection.settings.random(32) };
  let state: State13 = { at: "start" };
  return {
    get state() {
      return state.at;
    },
    start() {
      state = start(client);
    },
    receive(message) {
      state = next(client, state, message);
    },
    // for middleboxes only (RFC 8446, section 5); what it must hold is checked where it is read
    receiveChangeCipherSpec() {
      if (state.at === "connected") throw new ProtocolError("change_cipher_spec", UNEXPECTED_MESSAGE);
    },
    write: (bytes) => write13(connection, bytes),
  };
}

/** The transitions of RFC 8446, appendix A.1. */
function next(client: Client13, state: State13, message: HandshakeMessage): State13 {
  switch (state.at) {
    case "start":
      throw unexpected(message);
    case "wait-server-hello":
      expectType(message, HandshakeType.serverHello);
      return onServerHello(client, state, message);
    case "wait-encrypted-extensions":
      expectType(message, HandshakeType.encryptedExtensions);
      return onEncryptedExtensions(client, state, message);
    case "wait-certificate-or-request":
      expectType(message, HandshakeType.certificateRequest, HandshakeType.certificate);
      return message.type === HandshakeType.certificateRequest
        ? onCertificateRequest(client, state, message)
        : onCertificate(client, state, message);
    case "wait-certificate":
      expectType(message, HandshakeType.certificate);
      return onCertificate(client, state, message);
    case "wait-certificate-verify":
      expectType(message, HandshakeType.certificateVerify);
      return onCertificateVerify(client, state, message);
    case "wait-finished":
      expectType(message, HandshakeType.finished);
      return onFinished(client, state, message);
    case "connected":
      return onLater(client, state, message);
  }
}

function start(client: Client13): State13 {
  const { connection, random } = client;
  const { settings } = connection;
  const { session, script } = settings;
  const hello = {
    random,
    sessionId: settings.compatibility ? settings.random(32) : new Uint8Array(),
    shares: (session?.group === undefined ? settings.shares : [session.group]).map((group) =>
      keyShare(group, settings.random),
    ),
    cookie: undefined,
    earlyData: script.earlyData === true && session !== undefined && session.maxEarlyData > 0,
  };
  const message = clientHello13(settings, hello, client.transcript);
  sendMessage(connection, message, settings.helloFragment);
  client.transcript.add(message);
  connection.records.sealWith(plainSealer());
  const suite = session && cipherSuites.get(session.cipherSuite);
  if (hello.earlyData && suite !== undefined) {
    sendCompatibility(connection);
    const early = earlySecret(suite.hash, session?.secret);
    const secret = loggedSecret(client, suite, early, "c e traffic", "CLIENT_EARLY_TRAFFIC_SECRET");
    connection.records.sealWith(sealer13(suite, trafficKeys(suite, secret)));
    connection.ready = true;
  }
  return { at: "wait-server-hello", hello, retried: undefined };
}

function onEncryptedExtensions(
  { connection, transcript: messages }: Client13,
  { agreed, hello }: In<"wait-encrypted-extensions">,
  message: HandshakeMessage,
): State13 {
  const { alpn, serverName } = connection.settings;
  const found = parse(message.body, (from) => parseExtensions(from.vector(2)));
  const allowed: number[] = [ExtensionType.supportedGroups];
  if (alpn.length > 0) allowed.push(ExtensionType.alpn);
  if (serverName !== "") allowed.push(ExtensionType.serverName);
  if (hello.earlyData) allowed.push(ExtensionType.earlyData);
  onlyOf(found, allowed);
  const protocol = found.get(ExtensionType.alpn);
  if (protocol !== undefined) connection.protocol = offeredProtocol(parseAlpn(protocol), alpn);
  if (hello.earlyData) onEarlyData(connection, agreed, parseFlag(found.get(ExtensionType.earlyData)));
  messages.add(message);
  return agreed.resumed
    ? { at: "wait-finished", agreed, request: undefined }
    : { at: "wait-certificate-or-request", agreed };
}

/** Whether the server takes the 0-RTT data; what it refuses is lost (RFC 8446, section 4.2.10). */
function onEarlyData(connection: Connection, { suite, clientSecret }: Agreed, taken: boolean): void {
  connection.earlyDataTaken = taken;
  if (!taken) connection.records.sealWith(sealer13(suite, trafficKeys(suite, clientSecret)));
}

function onCertificateRequest(
  client: Client13,
  { agreed }: In<"wait-certificate-or-request">,
  message: HandshakeMessage,
): State13 {
  const request = parseCertificateRequest(message.body, "1.3");
  if (request.context.length > 0) throw new ProtocolError("a request with a context", ILLEGAL_PARAMETER);
  if (request.schemes.length === 0) throw new ProtocolError("a request without schemes", MISSING_EXTENSION);
  client.transcript.add(message);
  return { at: "wait-certificate", agreed, request };
}

function onCertificate(
  client: Client13,
  state: In<"wait-certificate-or-request"> | In<"wait-certificate">,
  message: HandshakeMessage,
): State13 {
  if ((message.body[0] ?? 0) > 0) throw new ProtocolError("a certificate with a context", DECODE_ERROR);
  const chain = parseCertificates(message.body, "1.3");
  const serverKey = trustedKey(chain, client.connection.settings);
  client.transcript.add(message);
  const request = state.at === "wait-certificate" ? state.request : undefined;
  return { at: "wait-certificate-verify", agreed: state.agreed, request, serverKey };
}

function onCertificateVerify(
  { connection, transcript: messages }: Client13,
  { agreed, request, serverKey }: In<"wait-certificate-verify">,
  message: HandshakeMessage,
): State13 {
  const content = signedContent("server", messages.hash(agreed.suite.hash));
  checkServerProof(parseCertificateVerify(message.body), serverKey, content, connection.settings);
  messages.add(message);
  return { at: "wait-finished", agreed, request };
}

function onFinished(client: Client13, state: In<"wait-finished">, message: HandshakeMessage): State13 {
  const { suite, serverSecret } = state.agreed;
  const expected = finishedMac(suite.hash, serverSecret, client.transcript.hash(suite.hash));
  if (message.body.length !== expected.length || !timingSafeEqual(message.body, expected)) {
    throw new ProtocolError("the server's Finished is wrong", DECRYPT_ERROR);
  }
  client.transcript.add(message);
  return connected(client, state);
}
