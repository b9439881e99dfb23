import { NO_RENEGOTIATION } from "./alerts.ts";
import { type Connection, note, sendAlert, sendMessage } from "./connection.ts";
import { onChangeCipherSpec, onFinished, onTicket, sendFlight12 } from "./finish12.ts";
import {
  type HandshakeMessage,
  HandshakeType,
  parseCertificateRequest,
  parseCertificates,
  parseEmpty,
} from "./handshake.ts";
import { clientHello12 } from "./hello.ts";
import { parseServerKeyExchange } from "./key-exchange.ts";
import { expectType, type Machine, unexpected } from "./machine.ts";
import { plainSealer } from "./protection.ts";
import { ContentType } from "./records.ts";
import { onServerHello } from "./server-hello12.ts";
import { checkServerProof, trustedKey } from "./server-proof.ts";
import type { Client12, In, State12, Verified } from "./state12.ts";
import { transcript } from "./transcript.ts";

/** More than a server asks for on one connection. */
const MAX_RENEGOTIATIONS = 4;

/** The client's side of a TLS 1.2 handshake, and of those that renegotiate it. */
export function client12(connection: Connection): Machine {
  let client = handshake(connection, undefined);
  let state: State12 = { at: "start" };
  const { script } = connection.settings;

  const enter = (entered: State12) => {
    state = entered;
    if (state.at !== "connected") return;
    if (script.renegotiates === true && client.before === undefined) renegotiate(state.verified);
    else connection.ready = true;
  };
  const renegotiate = (verified: Verified) => {
    client = handshake(connection, verified);
    state = start(client);
  };
  const onHelloRequest = (message: HandshakeMessage) => {
    parseEmpty(message.body);
    // RFC 5246, section 7.4.1.1: ignored while a handshake is under way
    if (state.at !== "connected") return;
    if (script.later === undefined) {
      sendAlert(connection, NO_RENEGOTIATION, false);
    } else if (connection.answeredLater < MAX_RENEGOTIATIONS) {
      renegotiate(state.verified);
    }
  };
  return {
    get state() {
      return state.at;
    },
    start() {
      state = start(client);
    },
    receive(message) {
      if (message.type === HandshakeType.helloRequest) onHelloRequest(message);
      else enter(next(client, state, message));
    },
    receiveChangeCipherSpec() {
      state = onChangeCipherSpec(client, state);
    },
    write(bytes) {
      note(connection, { from: "client", kind: "data", length: bytes.length });
      connection.records.write({ type: ContentType.applicationData, bytes });
    },
  };
}

function handshake(connection: Connection, before: Verified | undefined): Client12 {
  const { random, session } = connection.settings;
  return {
    connection,
    transcript: transcript(),
    random: random(32),
    // a server that takes the ticket says so by echoing the session id (RFC 5077, section 3.4)
    sessionId: session === undefined || before !== undefined ? new Uint8Array() : random(32),
    before,
  };
}

function start(client: Client12): State12 {
  const { connection, before } = client;
  const { settings } = connection;
  const message = clientHello12(settings, client, before?.client ?? new Uint8Array());
  sendMessage(connection, message, settings.helloFragment);
  client.transcript.add(message);
  if (before === undefined) connection.records.sealWith(plainSealer());
  return { at: "wait-server-hello" };
}

/** The transitions of RFC 5246, section 7.3. */
function next(client: Client12, state: State12, message: HandshakeMessage): State12 {
  switch (state.at) {
    case "start":
    case "connected":
      throw unexpected(message);
    case "wait-server-hello":
      expectType(message, HandshakeType.serverHello);
      return onServerHello(client, message);
    case "wait-certificate":
      expectType(message, HandshakeType.certificate);
      return onCertificate(client, state, message);
    case "wait-server-key-exchange":
      expectType(message, HandshakeType.serverKeyExchange);
      return onServerKeyExchange(client, state, message);
    case "wait-certificate-request-or-done":
      expectType(message, HandshakeType.certificateRequest, HandshakeType.serverHelloDone);
      return message.type === HandshakeType.certificateRequest
        ? onCertificateRequest(client, state, message)
        : onServerHelloDone(client, state, message);
    case "wait-server-hello-done":
      expectType(message, HandshakeType.serverHelloDone);
      return onServerHelloDone(client, state, message);
    case "wait-change-cipher-spec":
      expectType(message, HandshakeType.newSessionTicket);
      return onTicket(client, state, message);
    case "wait-finished":
      expectType(message, HandshakeType.finished);
      return onFinished(client, state, message);
  }
}

function onCertificate(
  client: Client12,
  { agreed }: In<"wait-certificate">,
  message: HandshakeMessage,
): State12 {
  const chain = parseCertificates(message.body, "1.2");
  const serverKey = trustedKey(chain, client.connection.settings);
  client.transcript.add(message);
  return { at: "wait-server-key-exchange", agreed, serverKey };
}

/** The server's key share, signed together with both randoms (RFC 8422, section 5.4). */
function onServerKeyExchange(
  { connection, transcript: messages, random }: Client12,
  { agreed, serverKey }: In<"wait-server-key-exchange">,
  message: HandshakeMessage,
): State12 {
  const exchange = parseServerKeyExchange(message.body);
  const signed = Buffer.concat([random, agreed.serverRandom, exchange.params]);
  checkServerProof(exchange, serverKey, signed, connection.settings);
  messages.add(message);
  return { at: "wait-certificate-request-or-done", agreed, exchange };
}

function onCertificateRequest(
  client: Client12,
  { agreed, exchange }: In<"wait-certificate-request-or-done">,
  message: HandshakeMessage,
): State12 {
  const request = parseCertificateRequest(message.body, "1.2");
  client.transcript.add(message);
  return { at: "wait-server-hello-done", agreed, exchange, request };
}

function onServerHelloDone(
  client: Client12,
  state: In<"wait-certificate-request-or-done"> | In<"wait-server-hello-done">,
  message: HandshakeMessage,
): State12 {
  parseEmpty(message.body);
  client.transcript.add(message);
  return sendFlight12(client, state);
}
