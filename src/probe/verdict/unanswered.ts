import {
  describeEnd,
  hasOtherHello,
  isClientRefusal,
  isFlight,
  isGarbled,
  isHungUpOn,
  type Presented,
  serverAlert,
} from "../evidence.ts";
import type { Trace } from "../exchange.ts";
import {
  alertName,
  givesNoReason,
  INSUFFICIENT_SECURITY,
  refusesFlight,
  UNKNOWN_PSK_IDENTITY,
  UNRECOGNIZED_NAME,
} from "../wire/alerts.ts";
import type { TlsVersion } from "../wire/versions.ts";
import { type Controls, type Encounter, inconclusive, type Judgement, type Setting } from "./judgement.ts";

/** What it means that the service said nothing that the protocol understands. */
export function judgeSilence(
  trace: Trace,
  presented: Presented,
  controls: Controls,
  { layer, maySayNothing, version }: Setting,
): Judgement {
  if (isGarbled(trace)) return inconclusive(layer, describeEnd(trace));
  const alert = serverAlert(trace);
  if (alert !== undefined) {
    const evidence = `alert ${alertName(alert)}`;
    return refuses(alert, presented) || (givesNoReason(alert) && controls.sound)
      ? { outcome: "refused", layer: "tls", evidence }
      : inconclusive("tls", evidence);
  }
  if (isFlight(presented) && presented.flight.silenceRefuses && trace.end === "open") {
    return controls.good.some((control) => control.answer !== undefined)
      ? { outcome: "refused", layer: "tls", evidence: "the server says nothing" }
      : { outcome: "not-applicable", layer, evidence: "the service says nothing to valid clients either" };
  }
  if (isFlight(presented) && presented.flight.speaks === true && trace.end === "open") {
    if (!trace.asked)
      return { outcome: "not-applicable", layer, evidence: "the service hangs up on every word" };
    // what it heard was no request yet: whom it answers, it answers at once
    if (controls.sound && controls.good.every((control) => control.answer !== undefined))
      return { outcome: "refused", layer: "tls", evidence: "the server waits for Finished" };
  }
  if (maySayNothing && looksAccepted(trace, controls, version)) {
    return { outcome: "accepted", layer, evidence: "established, silent and open, as for the control" };
  }
  if (isHungUpOn(trace)) {
    return controls.sound
      ? { outcome: "refused", layer: "tls", evidence: describeEnd(trace) }
      : inconclusive("tls", describeEnd(trace));
  }
  return inconclusive(trace.established ? layer : "tls", describeEnd(trace));
}

/**
 * Whether an alert is one that answers what was presented. An internal_error (a general_error of RFC 9846) is no more than
 * a close: a verifier that gives no reason of its own ends so, such as Apache's beyond its SSLVerifyDepth, or a
 * Java TrustManager that throws.
 */
function refuses(alert: number, presented: Presented): boolean {
  if (hasOtherHello(presented)) return refusesFlight(alert) || HELLO_ALERTS.has(alert);
  return isFlight(presented) ? refusesFlight(alert) : isClientRefusal(alert);
}

const HELLO_ALERTS = new Set([INSUFFICIENT_SECURITY, UNRECOGNIZED_NAME, UNKNOWN_PSK_IDENTITY]);

/**
 * What a server does to any client on a version that it serves to none: an answer that denies, or an
 * end without a byte. Whoever was told anything else there may have been served.
 */
export function looksRefused({ trace, answer }: Encounter): boolean {
  if (answer !== undefined) return ["denied", "challenged", "ended"].includes(answer.meaning);
  return !isGarbled(trace) && isHungUpOn(trace);
}

/**
 * A silent service: the connection must show everything that the control's did. In TLS 1.3 the client
 * is established before the server judges it (RFC 8446, appendix E.1.2): there, without a ticket
 * that is given to accepted clients alone, "still open" may only mean that the judgement takes its time.
 */
function looksAccepted(
  trace: Trace,
  { good, ticketsToAll }: Controls,
  version: TlsVersion | undefined,
): boolean {
  const [control] = good;
  if (control === undefined || control.answer !== undefined) return false;
  const like = control.trace;
  return (
    trace.end === "open" &&
    trace.established &&
    trace.received.length === 0 &&
    trace.seen.serverFinished === like.seen.serverFinished &&
    (version === "1.3"
      ? trace.seen.tickets > 0 && ticketsToAll !== true
      : trace.seen.tickets > 0 || like.seen.tickets === 0)
  );
}
