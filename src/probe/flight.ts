import { describeEnd, isHungUpOn, serverAlert } from "./evidence.ts";
import type { FlightFacts, Trace } from "./exchange.ts";
import type { Controls, Encounter, Judgement } from "./verdict/judgement.ts";
import { alertName, HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY, NO_RENEGOTIATION } from "./wire/alerts.ts";
import { SUITES } from "./wire/settings.ts";

/** What must have happened on a connection of the raw client before the server's answer means anything. */
export interface Flight {
  /**
   * The flight was sent; a later request for a certificate was answered (`answeredLater` of the
   * client); 0-RTT data was taken (`earlyDataTaken`).
   */
  readonly decides: "flight" | "later-flight" | "early-data";
  /** A server that says nothing has refused: the attack itself only listens. */
  readonly silenceRefuses: boolean;
  /** What the client says is the attack: to a service that hangs up on every word nothing is said. */
  readonly speaks?: boolean;
  /** The ClientHello is not the control's: an end in place of the ServerHello refuses the attack. */
  readonly ownHello: boolean;
}

/** Why what the server did says nothing about the flight; undefined where it does. */
export function undecided(
  { decides }: Pick<Flight, "decides">,
  { sent, answeredLater, earlyDataTaken }: FlightFacts,
): string | undefined {
  if (!sent) return "the handshake did not come to the client's flight";
  switch (decides) {
    case "flight":
      return undefined;
    case "later-flight":
      return answeredLater > 0 ? undefined : "no certificate was asked for a second time";
    case "early-data":
      return earlyDataTaken === true ? undefined : "0-RTT data was not taken";
  }
}

/**
 * Judges a connection on which the attack's own part did not take place; undefined where it did. What
 * a server does not ask for, or takes no 0-RTT data for, cannot be misused; but it must be seen that
 * the rest of the connection went well.
 */
export function judgeUndecided(
  encounter: Encounter,
  flight: Flight,
  { good, sound }: Controls,
): Judgement | undefined {
  const { trace, answer } = encounter;
  const reason = undecided(flight, trace.flight ?? NOTHING_SENT);
  if (reason === undefined) return undefined;
  const alert = serverAlert(trace);
  const end = alert === undefined ? (trace.localFault ?? describeEnd(trace)) : `alert ${alertName(alert)}`;
  const tls = (outcome: Judgement["outcome"], evidence: string): Judgement => ({
    outcome,
    layer: "tls",
    evidence,
  });
  if (trace.flight?.sent !== true) return tls("inconclusive", `${reason} (${end})`);
  // 0-RTT data was offered without a certificate: whatever follows is another attack
  if (flight.decides === "early-data") return tls("not-applicable", reason);
  const declined = trace.seen.alerts.some(
    ({ from, description }) => from === "server" && description === NO_RENEGOTIATION,
  );
  const served = good.some((control) =>
    control.answer === undefined ? trace.end === "open" : control.answer.label === answer?.label,
  );
  if (declined || served) return tls("not-applicable", reason);
  const ended = alert !== undefined || isHungUpOn(trace);
  if (ended && sound && answer === undefined) return tls("refused", `${end}, and ${reason}`);
  return tls("inconclusive", `${reason} (${answer?.label ?? end})`);
}

/** The attack is on 0-RTT data, and there was none: no session for it, or no server that takes it. */
export function tookNoEarlyData({ decides }: Flight, { flight }: Trace): boolean {
  return decides === "early-data" && flight?.earlyDataTaken !== true;
}

/**
 * The server speaks TLS 1.2 to valid clients with suites that the raw client has not: key agreement with
 * RSA or without elliptic curves, CBC. What cannot be tried on it is not doubtful, and is listed.
 */
export function hasNoSuite(trace: Trace, { good }: Controls): boolean {
  const known: readonly (number | undefined)[] = SUITES["1.2"];
  const alert = serverAlert(trace);
  return (
    trace.seen.version === undefined &&
    (alert === HANDSHAKE_FAILURE || alert === INSUFFICIENT_SECURITY) &&
    good.length > 0 &&
    good.every(({ trace: { seen } }) => seen.version === "1.2" && !known.includes(seen.cipherSuite))
  );
}

const NOTHING_SENT: FlightFacts = { sent: false, answeredLater: 0, earlyDataTaken: undefined };
