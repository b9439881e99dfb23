import type { Answer } from "../../../src/probe/answer.ts";
import type { Trace } from "../../../src/probe/exchange.ts";
import type { Alert, Observation } from "../../../src/probe/observe.ts";
import type { Encounter, Setting } from "../../../src/probe/verdict/judgement.ts";

export const FORGED = Uint8Array.of(0x30, 1, 2, 3);

export const httpSetting: Setting = {
  layer: "http",
  maySayNothing: false,
  canary: undefined,
  version: "1.3",
};
export const rawSetting: Setting = { layer: "app", maySayNothing: true, canary: undefined, version: "1.3" };

/** A handshake in which a certificate was asked for and the forged one was sent. */
export function seen(changes: Partial<Observation> = {}): Observation {
  return {
    version: "1.3",
    cipherSuite: 0x1301,
    request: { context: new Uint8Array(), schemes: [0x0403], certificateTypes: undefined, authorities: [] },
    serverCertificates: [],
    clientCertificates: [FORGED],
    clientVerified: true,
    clientFinished: true,
    serverFinished: true,
    tickets: 2,
    alerts: [],
    earlyBytes: 0,
    fault: undefined,
    ...changes,
  };
}

/** A connection that is established, and on which nothing more happened. */
export function trace(changes: Partial<Trace> = {}): Trace {
  return {
    end: "open",
    established: true,
    error: undefined,
    localFault: undefined,
    untrusted: undefined,
    seen: seen(),
    alpn: "http/1.1",
    flight: undefined,
    sessions: [],
    received: new Uint8Array(),
    receivedUnasked: 0,
    asked: true,
    ms: { established: 5, total: 10 },
    ...changes,
  };
}

export function answered(
  label: string,
  meaning: Answer["meaning"],
  content = "body",
  changes: Partial<Trace> = {},
): Encounter {
  const bytes = Buffer.from(content);
  return {
    trace: trace({ end: "closed", received: bytes, ...changes }),
    answer: { label, meaning, content: bytes },
  };
}

export function unanswered(changes: Partial<Trace> = {}): Encounter {
  return { trace: trace(changes), answer: undefined };
}

export function alerted(description: number, changes: Partial<Observation> = {}): Encounter {
  const alert: Alert = { from: "server", fatal: true, description };
  return unanswered({ end: "closed", seen: seen({ alerts: [alert], ...changes }) });
}

export const served = answered("HTTP 200", "granted");
export const silent = unanswered();
