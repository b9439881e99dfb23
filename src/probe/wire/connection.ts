import { type HandshakeMessage, encodeMessage } from "./handshake.ts";
import { type KeyLog, keyLog } from "./key-log.ts";
import { type RecordLayer, recordLayer } from "./record-layer.ts";
import { ContentType } from "./records.ts";
import type { ResumableSession } from "./session-ticket.ts";
import type { Settings } from "./settings.ts";

/** One thing that went over the wire, as this client understood it. */
export type WireEvent = {
  /** Milliseconds, on the clock of the settings. */
  readonly at: number;
  readonly from: "client" | "server";
} & (
  | { readonly kind: "handshake"; readonly type: number; readonly length: number }
  | { readonly kind: "alert"; readonly fatal: boolean; readonly description: number }
  | { readonly kind: "change-cipher-spec" }
  | { readonly kind: "data"; readonly length: number }
);

/** What a state machine works on, whichever version it is for. */
export interface Connection {
  readonly settings: Settings;
  readonly records: RecordLayer;
  readonly events: WireEvent[];
  /** For whoever reads the connection's bytes: its secrets, by their names in a key log. */
  readonly secrets: KeyLog;
  /** Sessions that the server lets us resume. */
  readonly sessions: ResumableSession[];
  /** The first handshake came to our flight, and it was sent. */
  flightSent: boolean;
  /** The application may write. */
  ready: boolean;
  /** The application may be written to. */
  takesData: boolean;
  /** Later requests for a certificate that were answered by the script. */
  answeredLater: number;
  /** The server took the 0-RTT data; undefined where none was offered, or it has not said yet. */
  earlyDataTaken: boolean | undefined;
  /** As the server chose it. */
  protocol: string | undefined;
}

export function connection(settings: Settings): Connection {
  return {
    settings,
    records: recordLayer(),
    events: [],
    secrets: keyLog(),
    sessions: [],
    flightSent: false,
    ready: false,
    takesData: false,
    answeredLater: 0,
    earlyDataTaken: undefined,
    protocol: undefined,
  };
}

type Unstamped<T> = T extends WireEvent ? Omit<T, "at"> : never;

/** More than any connection that is of use has. */
const MAX_EVENTS = 4096;

export function note({ events, settings }: Connection, event: Unstamped<WireEvent>): void {
  if (events.length < MAX_EVENTS) events.push({ at: settings.now(), ...event });
}

/** Puts a handshake message into the next write. @param size the most bytes in one record */
export function sendMessage(to: Connection, message: HandshakeMessage, size?: number): void {
  note(to, { from: "client", kind: "handshake", type: message.type, length: message.body.length });
  to.records.write({ type: ContentType.handshake, bytes: encodeMessage(message) }, size);
}

export function sendAlert(to: Connection, description: number, fatal: boolean): void {
  note(to, { from: "client", kind: "alert", fatal, description });
  to.records.write({ type: ContentType.alert, bytes: Uint8Array.of(fatal ? 2 : 1, description) });
}

/** Under the keys in use, as everything else (RFC 5246, section 7.1). */
export function sendChangeCipherSpec(to: Connection): void {
  note(to, { from: "client", kind: "change-cipher-spec" });
  to.records.write(changeCipherSpec);
}

/** The one that TLS 1.3 sends for middleboxes, never protected (RFC 8446, appendix D.4). */
export function sendCompatibility(to: Connection): void {
  const { events, settings } = to;
  if (!settings.compatibility || events.some(({ from, kind }) => from === "client" && kind === CCS)) return;
  note(to, { from: "client", kind: CCS });
  to.records.writePlain(changeCipherSpec);
}

const CCS = "change-cipher-spec";
const changeCipherSpec = { type: ContentType.changeCipherSpec, bytes: Uint8Array.of(1) };
