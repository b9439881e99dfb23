import { timingSafeEqual } from "node:crypto";
import { DECRYPT_ERROR, ILLEGAL_PARAMETER, UNEXPECTED_MESSAGE } from "./alerts.ts";
import { sendChangeCipherSpec } from "./connection.ts";
import { flightFor, sendAndAdd, sendFlight, spoilt, type Stage } from "./flight.ts";
import { groupOf, keyShare } from "./groups.ts";
import { type CertificateRequest, type HandshakeMessage, HandshakeType } from "./handshake.ts";
import { encodeClientKeyExchange, type ServerKeyExchange } from "./key-exchange.ts";
import { keyBlock } from "./key-schedule.ts";
import { unexpected } from "./machine.ts";
import { ProtocolError } from "./protocol-error.ts";
import { opener12, sealer12 } from "./protection.ts";
import { finished, type Step } from "./script.ts";
import { extendedMasterSecret, finishedData, masterSecret12 } from "./secrets12.ts";
import { parseNewSessionTicket12 } from "./session-ticket.ts";
import type { Agreed, Client12, In, Keys, State12 } from "./state12.ts";

/** The keys of a master secret, which is written down as key logs do (RFC 9850). */
export function keysFrom({ connection, random }: Client12, agreed: Agreed, master: Uint8Array): Keys {
  const { suite, serverRandom } = agreed;
  connection.secrets.add(`CLIENT_RANDOM ${hex(random)} ${hex(master)}`);
  const { client, server } = keyBlock(suite, master, random, serverRandom);
  return { master, sealer: sealer12(suite, client), opener: opener12(suite, server) };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Our flight after ServerHelloDone. */
export function sendFlight12(
  client: Client12,
  { agreed, exchange, ...rest }: In<"wait-certificate-request-or-done"> | In<"wait-server-hello-done">,
): State12 {
  const { connection, before } = client;
  const { settings } = connection;
  const request = "request" in rest ? rest.request : undefined;
  const steps = scripted(client) ?? flightFor(settings, request);
  const sent = bringOut(client, agreed, exchange, request, steps);
  if (before !== undefined) connection.answeredLater += 1;
  // whoever sends no Finished waits for none: the application goes on at once
  if (sent.verifyData === undefined) {
    connection.ready = true;
    connection.takesData = true;
  }
  return { at: "wait-change-cipher-spec", agreed, resumed: false, ...sent, ticket: undefined };
}

/** The script's flight for this handshake; undefined where it is to be as the protocol wants. */
function scripted({ connection, before }: Client12): readonly Step[] | undefined {
  const { flight, later } = connection.settings.script;
  return before === undefined ? flight : later;
}

/** Sends the steps; gives what they left behind. @param exchange undefined for a resumed session */
function bringOut(
  client: Client12,
  agreed: Agreed,
  exchange: ServerKeyExchange | undefined,
  request: CertificateRequest | undefined,
  steps: readonly Step[],
  resumed?: Keys,
) {
  const { connection, transcript } = client;
  const { hash } = agreed.suite;
  let keys = resumed;
  let verifyData: Uint8Array | undefined;
  const agreedKeys = () => {
    if (keys === undefined) throw new RangeError("a script that uses keys before it has exchanged any");
    return keys;
  };
  const stage: Stage = {
    connection,
    transcript,
    hash,
    request,
    keyExchange() {
      if (exchange !== undefined) keys = exchangeKeys(client, agreed, exchange, stage);
    },
    newKeys() {
      const { sealer } = agreedKeys();
      sendChangeCipherSpec(connection);
      connection.records.sealWith(sealer);
    },
    finished(kind) {
      const { master } = agreedKeys();
      stage.newKeys();
      const right = finishedData(hash, master, "client", transcript.hash(hash));
      verifyData = kind === "right" ? right : spoilt(right);
      sendAndAdd(stage, { type: HandshakeType.finished, body: verifyData });
    },
  };
  sendFlight(stage, steps);
  return { keys, verifyData };
}

function exchangeKeys(client: Client12, agreed: Agreed, exchange: ServerKeyExchange, stage: Stage): Keys {
  const { groups, random } = client.connection.settings;
  const group = groupOf(exchange.group);
  if (group === undefined || !groups.includes(group)) {
    throw new ProtocolError("a group that was not offered", ILLEGAL_PARAMETER);
  }
  const share = keyShare(group, random);
  const premaster = share.agree(exchange.publicKey);
  const body = encodeClientKeyExchange(share.publicKey);
  sendAndAdd(stage, { type: HandshakeType.clientKeyExchange, body });
  const { hash } = agreed.suite;
  const master = agreed.extendedMasterSecret
    ? extendedMasterSecret(hash, premaster, client.transcript.hash(hash))
    : masterSecret12(hash, premaster, client.random, agreed.serverRandom);
  return keysFrom(client, agreed, master);
}

/** NewSessionTicket (RFC 5077, section 3.3). */
export function onTicket(
  client: Client12,
  state: In<"wait-change-cipher-spec">,
  message: HandshakeMessage,
): State12 {
  if (!state.agreed.ticketFollows || state.ticket !== undefined) throw unexpected(message);
  const ticket = parseNewSessionTicket12(message.body);
  client.transcript.add(message);
  return { ...state, ticket };
}

/** The server's ChangeCipherSpec: what follows is protected. @throws ProtocolError */
export function onChangeCipherSpec({ connection }: Client12, state: State12): State12 {
  if (state.at !== "wait-change-cipher-spec" || state.keys === undefined) {
    throw new ProtocolError("change_cipher_spec where none may come", UNEXPECTED_MESSAGE);
  }
  connection.records.openWith(state.keys.opener);
  return { ...state, at: "wait-finished", keys: state.keys };
}

export function onFinished(client: Client12, state: In<"wait-finished">, message: HandshakeMessage): State12 {
  const { connection, transcript } = client;
  const { agreed, keys } = state;
  const { hash } = agreed.suite;
  const expected = finishedData(hash, keys.master, "server", transcript.hash(hash));
  const right = message.body.length === expected.length && timingSafeEqual(message.body, expected);
  // a server that lets a script pass may have hashed another handshake than ours
  if (!right && scripted(client) === undefined) {
    throw new ProtocolError("the server's Finished is wrong", DECRYPT_ERROR);
  }
  transcript.add(message);
  keepSession(client, state);
  connection.takesData = true;
  const verifyData = state.resumed
    ? bringOut(client, agreed, undefined, undefined, scripted(client) ?? [finished], keys).verifyData
    : state.verifyData;
  return { at: "connected", verified: { client: verifyData ?? new Uint8Array(), server: message.body } };
}

function keepSession({ connection }: Client12, { agreed, keys, ticket }: In<"wait-finished">): void {
  if (ticket === undefined || ticket.length === 0) return;
  connection.sessions.push({
    version: "1.2",
    cipherSuite: agreed.cipherSuite,
    ticket,
    secret: keys.master,
    group: undefined,
    extendedMasterSecret: agreed.extendedMasterSecret,
    ageAdd: 0,
    receivedAt: connection.settings.now(),
    maxEarlyData: 0,
  });
}
