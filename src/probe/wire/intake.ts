import {
  CLOSE_NOTIFY,
  DECODE_ERROR,
  INTERNAL_ERROR,
  NO_RENEGOTIATION,
  UNEXPECTED_MESSAGE,
  USER_CANCELED,
} from "./alerts.ts";
import { type Connection, note, sendAlert } from "./connection.ts";
import { messageSplitter } from "./handshake.ts";
import type { Machine } from "./machine.ts";
import { ProtocolError } from "./protocol-error.ts";
import { type Content, openPlain } from "./protection.ts";
import { ContentType, recordSplitter, type TlsRecord } from "./records.ts";

/** What arrives, and where it ends. */
export interface Intake {
  readonly over: boolean;
  readonly fault: string | undefined;
  /** Never throws for anything that a server can send. */
  take(bytes: Uint8Array): void;
}

interface Reception {
  readonly connection: Connection;
  readonly machine: Machine;
  readonly messages: ReturnType<typeof messageSplitter>;
  readonly deliver: (bytes: Uint8Array) => void;
  over: boolean;
  fault: string | undefined;
}

/** @param deliver takes the application's data */
export function newIntake(
  connection: Connection,
  machine: Machine,
  deliver: (bytes: Uint8Array) => void,
): Intake {
  const { limits } = connection.settings;
  const records = recordSplitter();
  let total = 0;
  const reception: Reception = {
    connection,
    machine,
    messages: messageSplitter(limits.message),
    deliver,
    over: false,
    fault: undefined,
  };
  return {
    get over() {
      return reception.over;
    },
    get fault() {
      return reception.fault;
    },
    take(bytes) {
      if (reception.over) return;
      total += bytes.length;
      try {
        if (total > limits.total) throw new ProtocolError("the server sent too much", INTERNAL_ERROR);
        for (const record of records.push(bytes)) {
          onRecord(reception, record);
          if (reception.over) break;
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        giveUp(reception, error);
      }
    },
  };
}

function giveUp(reception: Reception, { message, alert }: ProtocolError): void {
  reception.fault = message;
  reception.over = true;
  sendAlert(reception.connection, alert, true);
}

function onRecord(reception: Reception, record: TlsRecord): void {
  const { connection } = reception;
  const { records, settings } = connection;
  if (settings.version === "1.2") return onContent(reception, records.open(record));
  if (record.type === ContentType.changeCipherSpec) return onContent(reception, openPlain(record));
  if (!records.opensProtected || record.type === ContentType.applicationData) {
    return onContent(reception, records.open(record));
  }
  // a server that cannot read us may say so in the clear; it is the last that it says
  if (record.type !== ContentType.alert) throw new ProtocolError("an unprotected record", UNEXPECTED_MESSAGE);
  onContent(reception, openPlain(record));
}

function onContent(reception: Reception, { type, bytes }: Content): void {
  const { connection, messages } = reception;
  if (
    messages.pending > 0 &&
    (type === ContentType.applicationData || type === ContentType.changeCipherSpec)
  ) {
    throw new ProtocolError("a handshake message with something else in it", UNEXPECTED_MESSAGE);
  }
  switch (type) {
    case ContentType.handshake:
      return onHandshake(reception, bytes);
    case ContentType.alert:
      return onAlert(reception, bytes);
    case ContentType.changeCipherSpec:
      if (bytes.length !== 1 || bytes[0] !== 1)
        throw new ProtocolError("change_cipher_spec", UNEXPECTED_MESSAGE);
      note(connection, { from: "server", kind: "change-cipher-spec" });
      return reception.machine.receiveChangeCipherSpec();
    case ContentType.applicationData:
      if (!connection.takesData) throw new ProtocolError("data before the handshake", UNEXPECTED_MESSAGE);
      note(connection, { from: "server", kind: "data", length: bytes.length });
      return reception.deliver(bytes);
  }
  throw new ProtocolError(`content of type ${type}`, UNEXPECTED_MESSAGE);
}

function onHandshake({ connection, machine, messages }: Reception, bytes: Uint8Array): void {
  if (bytes.length === 0) throw new ProtocolError("an empty handshake record", UNEXPECTED_MESSAGE);
  const { records } = connection;
  const { epoch } = records;
  for (const message of messages.push(bytes)) {
    // RFC 8446, section 5.1: no message follows in a record whose end changes the keys
    if (records.epoch !== epoch) throw new ProtocolError("a message across keys", UNEXPECTED_MESSAGE);
    const { type, body } = message;
    note(connection, { from: "server", kind: "handshake", type, length: body.length });
    machine.receive(message);
  }
  if (records.epoch !== epoch && messages.pending > 0) {
    throw new ProtocolError("a message across keys", UNEXPECTED_MESSAGE);
  }
}

/** RFC 8446, section 6; RFC 5246, section 7.2. */
function onAlert(reception: Reception, bytes: Uint8Array): void {
  const [level, description] = bytes;
  if (bytes.length !== 2 || description === undefined) throw new ProtocolError("an alert", DECODE_ERROR);
  const { settings, answeredLater } = reception.connection;
  const closes = description === CLOSE_NOTIFY;
  const fatal = !closes && (level === 2 || (settings.version === "1.3" && description !== USER_CANCELED));
  note(reception.connection, { from: "server", kind: "alert", fatal, description });
  if (closes || fatal) reception.over = true;
  if (description === NO_RENEGOTIATION && settings.script.renegotiates === true && answeredLater === 0) {
    reception.over = true;
    reception.fault = "the server does not renegotiate";
  }
}
