import { ILLEGAL_PARAMETER, UNEXPECTED_MESSAGE } from "./alerts.ts";
import { type Connection, note, sendCompatibility, sendMessage } from "./connection.ts";
import { flightFor, sendAndAdd, sendFlight, spoilt, type Stage } from "./flight.ts";
import {
  type CertificateRequest,
  type HandshakeMessage,
  HandshakeType,
  parseCertificateRequest,
  parseKeyUpdate,
} from "./handshake.ts";
import { nextTrafficSecret, trafficKeys } from "./key-schedule.ts";
import { expectType } from "./machine.ts";
import { ProtocolError } from "./protocol-error.ts";
import { opener13, sealer13 } from "./protection.ts";
import { ContentType } from "./records.ts";
import { deriveSecret, finishedMac, masterSecret13, ticketPsk } from "./secrets13.ts";
import { parseNewSessionTicket } from "./session-ticket.ts";
import { type Agreed, type Client13, type In, loggedSecret, type State13 } from "./state13.ts";
import type { Transcript } from "./transcript.ts";

/** The server is done: our flight, and the keys of the application (RFC 8446, section 4.4.4). */
export function connected(client: Client13, { agreed, request }: In<"wait-finished">): State13 {
  const { connection, transcript } = client;
  const { records, settings } = connection;
  const { suite } = agreed;
  const master = masterSecret13(suite.hash, agreed.handshakeSecret);
  const server = loggedSecret(client, suite, master, "s ap traffic", "SERVER_TRAFFIC_SECRET_0");
  const ours = loggedSecret(client, suite, master, "c ap traffic", "CLIENT_TRAFFIC_SECRET_0");
  records.openWith(opener13(suite, trafficKeys(suite, server)));
  connection.takesData = true;
  const { script } = settings;
  const taken = connection.earlyDataTaken === true;
  const holdsBack = taken && script.holdsBack === true;
  if (taken && !holdsBack) {
    const end = { type: HandshakeType.endOfEarlyData, body: new Uint8Array() };
    sendMessage(connection, end);
    transcript.add(end);
    records.sealWith(sealer13(suite, trafficKeys(suite, agreed.clientSecret)));
  }
  const steps = holdsBack ? [] : (script.flight ?? flightFor(settings, request));
  if (steps.length > 0) sendCompatibility(connection);
  const stage = stage13(connection, agreed, transcript, request, agreed.clientSecret, () =>
    records.sealWith(sealer13(suite, trafficKeys(suite, ours))),
  );
  sendFlight(stage, steps);
  connection.ready = true;
  const resumption = deriveSecret(suite.hash, master, "res master", transcript.hash(suite.hash));
  return { at: "connected", agreed, secrets: { client: ours, server, resumption }, keyUpdates: 0 };
}

function stage13(
  connection: Connection,
  { suite }: Agreed,
  transcript: Transcript,
  request: CertificateRequest | undefined,
  finishedBase: Uint8Array,
  newKeys: () => void,
): Stage {
  const stage: Stage = {
    connection,
    transcript,
    hash: suite.hash,
    request,
    keyExchange: () => {},
    finished(verifyData) {
      const mac = finishedMac(suite.hash, finishedBase, transcript.hash(suite.hash));
      const body = verifyData === "right" ? mac : spoilt(mac);
      sendAndAdd(stage, { type: HandshakeType.finished, body });
      newKeys();
    },
    newKeys,
  };
  return stage;
}

/** What may come after the handshake (RFC 8446, section 4.6). @throws ProtocolError */
export function onLater(client: Client13, state: In<"connected">, message: HandshakeMessage): State13 {
  expectType(
    message,
    HandshakeType.newSessionTicket,
    HandshakeType.keyUpdate,
    HandshakeType.certificateRequest,
  );
  switch (message.type) {
    case HandshakeType.newSessionTicket:
      keepTicket(client, state, message);
      return state;
    case HandshakeType.keyUpdate:
      return updateKeys(client.connection, state, message);
    default:
      return answer(client, state, message);
  }
}

/** More sessions than anybody resumes. */
const MAX_SESSIONS = 16;

function keepTicket(
  { connection }: Client13,
  { agreed, secrets }: In<"connected">,
  { body }: HandshakeMessage,
) {
  const { nonce, ticket, ageAdd, maxEarlyData } = parseNewSessionTicket(body);
  if (connection.sessions.length === MAX_SESSIONS) return;
  connection.sessions.push({
    version: "1.3",
    cipherSuite: agreed.cipherSuite,
    ticket,
    secret: ticketPsk(agreed.suite.hash, secrets.resumption, nonce),
    group: agreed.group,
    extendedMasterSecret: false,
    ageAdd,
    receivedAt: connection.settings.now(),
    maxEarlyData,
  });
}

/** A server has no reason for more; each costs us a few hashes for a few bytes. */
const MAX_KEY_UPDATES = 32;

/** RFC 8446, section 4.6.3. */
function updateKeys(connection: Connection, state: In<"connected">, { body }: HandshakeMessage): State13 {
  const { agreed, secrets, keyUpdates } = state;
  const { suite } = agreed;
  if (keyUpdates === MAX_KEY_UPDATES) throw new ProtocolError("too many key updates", UNEXPECTED_MESSAGE);
  const wanted = parseKeyUpdate(body);
  const server = nextTrafficSecret(suite, secrets.server);
  connection.records.openWith(opener13(suite, trafficKeys(suite, server)));
  let { client } = secrets;
  if (wanted) {
    sendMessage(connection, { type: HandshakeType.keyUpdate, body: Uint8Array.of(0) });
    client = nextTrafficSecret(suite, client);
    connection.records.sealWith(sealer13(suite, trafficKeys(suite, client)));
  }
  return { ...state, secrets: { ...secrets, client, server }, keyUpdates: keyUpdates + 1 };
}

/** More requests than a server makes on one connection. */
const MAX_LATER = 4;

/** Post-handshake authentication (RFC 8446, section 4.6.2), on a transcript of its own. */
function answer(client: Client13, state: In<"connected">, message: HandshakeMessage): State13 {
  const { connection } = client;
  const { later } = connection.settings.script;
  if (later === undefined || connection.answeredLater === MAX_LATER) {
    throw new ProtocolError("a request that was not offered", UNEXPECTED_MESSAGE);
  }
  const request = parseCertificateRequest(message.body, "1.3");
  if (request.context.length === 0) throw new ProtocolError("a request without context", ILLEGAL_PARAMETER);
  const transcript = client.transcript.copy();
  transcript.add(message);
  const stage = stage13(connection, state.agreed, transcript, request, state.secrets.client, () => {});
  sendFlight(stage, later);
  connection.answeredLater += 1;
  return state;
}

/** Application data under whatever keys the flight left. */
export function write13(connection: Connection, bytes: Uint8Array): void {
  note(connection, { from: "client", kind: "data", length: bytes.length });
  connection.records.write({ type: ContentType.applicationData, bytes });
}
