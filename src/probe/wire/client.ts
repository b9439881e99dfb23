import { client12 } from "./client12.ts";
import { client13 } from "./client13.ts";
import { connection, type WireEvent } from "./connection.ts";
import { newIntake } from "./intake.ts";
import type { KeyLog } from "./key-log.ts";
import type { ResumableSession } from "./session-ticket.ts";
import type { Settings } from "./settings.ts";

/** Where a client's bytes go. */
export interface Outlets {
  /** To the server; a flight in one call. */
  send(bytes: Uint8Array): void;
  /** To the application. */
  deliver(bytes: Uint8Array): void;
}

/**
 * A TLS client without a socket: it is told what arrives, and says what to send. Time and the
 * connection's end are its caller's; what the server can make it keep or do is bounded by the limits
 * of its settings.
 */
export interface WireClient {
  /** The state of the handshake, for people. */
  readonly state: string;
  /** The first handshake came to our flight, and it was sent. */
  readonly flightSent: boolean;
  /** The application may write. */
  readonly ready: boolean;
  /** Nothing more comes: the server said so, or broke the protocol. */
  readonly over: boolean;
  /** Why this side gave up; undefined where it did not. */
  readonly fault: string | undefined;
  readonly events: readonly WireEvent[];
  readonly secrets: KeyLog;
  /** Sessions that the server lets us resume. */
  readonly sessions: readonly ResumableSession[];
  readonly answeredLater: number;
  readonly earlyDataTaken: boolean | undefined;
  /** The application protocol that the server chose. */
  readonly protocol: string | undefined;
  start(): void;
  /** Takes what the server sent. Never throws for anything that it can send. */
  receive(bytes: Uint8Array): void;
  /** Sends application data, once ready. */
  write(bytes: Uint8Array): void;
}

export function wireClient(settings: Settings, outlets: Outlets): WireClient {
  const state = connection(settings);
  const machine = settings.version === "1.3" ? client13(state) : client12(state);
  const intake = newIntake(state, machine, (bytes) => outlets.deliver(bytes));
  const flush = () => {
    const bytes = state.records.take();
    if (bytes.length > 0) outlets.send(bytes);
  };
  return {
    get state() {
      return machine.state;
    },
    get flightSent() {
      return state.flightSent;
    },
    get ready() {
      return state.ready;
    },
    get over() {
      return intake.over;
    },
    get fault() {
      return intake.fault;
    },
    get answeredLater() {
      return state.answeredLater;
    },
    get earlyDataTaken() {
      return state.earlyDataTaken;
    },
    get protocol() {
      return state.protocol;
    },
    events: state.events,
    secrets: state.secrets,
    sessions: state.sessions,
    start() {
      machine.start();
      flush();
    },
    receive(bytes) {
      intake.take(bytes);
      flush();
    },
    write(bytes) {
      if (intake.over || !state.ready || settings.script.silent === true) return;
      machine.write(bytes);
      flush();
    },
  };
}
