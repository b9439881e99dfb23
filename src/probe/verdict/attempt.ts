import {
  describeEnd,
  hasOtherHello,
  isFlight,
  isHungUpOn,
  isSession,
  type Presented,
  serverAlert,
  unproved,
} from "../evidence.ts";
import type { Trace } from "../exchange.ts";
import { hasNoSuite, judgeUndecided } from "../flight.ts";
import { judgeAnswer } from "./answered.ts";
import { type Controls, type Encounter, inconclusive, type Judgement, type Setting } from "./judgement.ts";
import { judgeSilence } from "./unanswered.ts";
import { judgeUnmade } from "./unmade.ts";

/** Judges a client that must not be accepted. */
export function judgeAttempt(
  encounter: Encounter,
  presented: Presented,
  controls: Controls,
  setting: Setting,
): Judgement {
  const { trace, answer } = encounter;
  if (trace.opened === false) return judgeUnopened(encounter, controls, setting);
  const wasMet = isFlight(presented) && trace.seen.version === setting.version;
  const idle = wasMet ? judgeUndecided(encounter, presented.flight, controls) : undefined;
  if (idle !== undefined) return idle;
  const unmade = judgeUnmade(encounter, setting);
  if (unmade !== undefined) {
    if (refusesHello(encounter, presented, controls)) return { ...unmade, outcome: "refused" };
    if (hasOtherHello(presented) && isAskedByNobody(trace)) {
      const evidence = "an anonymous server asks for a certificate: no client goes on";
      return { ...unmade, outcome: "not-applicable", evidence };
    }
    if (isFlight(presented) && hasNoSuite(trace, controls)) {
      return { ...unmade, outcome: "not-applicable", evidence: "our own TLS client has none of its suites" };
    }
    // the ClientHello was the control's: what the server says of it cannot be about the certificate
    return controls.good.length > 0 ? { ...unmade, outcome: "inconclusive" } : unmade;
  }
  if (presented === "no-tls" && trace.seen.alerts.length > 0) {
    return { outcome: "refused", layer: "tls", evidence: "a TLS alert" };
  }
  const judgement =
    answer === undefined
      ? judgeSilence(trace, presented, controls, setting)
      : judgeAnswer(encounter, answer, presented, controls, setting);
  const missing =
    judgement.outcome === "refused" ? unproved(trace, presented, judgement.layer === "tls") : undefined;
  return missing === undefined ? judgement : inconclusive("tls", `${judgement.evidence}, but ${missing}`);
}

/** The server did not agree to go on with TLS: what it said instead may still be the service. */
function judgeUnopened(encounter: Encounter, controls: Controls, setting: Setting): Judgement {
  const { trace, answer } = encounter;
  if (trace.end === "unconnected" || trace.end === "flooded") return inconclusive("tcp", describeEnd(trace));
  const said = answer && judgeAnswer(encounter, answer, "no-tls", controls, setting);
  if (said?.outcome === "accepted") return said;
  const evidence = `no upgrade (${answer?.label ?? describeEnd(trace)})`;
  return controls.sound ? { outcome: "refused", layer: "tcp", evidence } : inconclusive("tcp", evidence);
}

/**
 * A ClientHello that is not the control's, and an end in place of the ServerHello: so nginx answers a
 * session of another server (CVE-2025-23419).
 */
function refusesHello({ trace }: Encounter, presented: Presented, { sound }: Controls): boolean {
  const own = isFlight(presented)
    ? presented.flight.ownHello
    : hasOtherHello(presented) || isSession(presented);
  const ended = serverAlert(trace) !== undefined || isHungUpOn(trace);
  return own && trace.seen.version === undefined && trace.localFault === undefined && ended && sound;
}

/** OpenSSL's way to demand one over anonymous suites too, where no client may answer (RFC 5246, section 7.4.4). */
function isAskedByNobody({ localFault, seen }: Trace): boolean {
  const { request, serverCertificates, version } = seen;
  return (
    localFault !== undefined && version === "1.2" && request !== undefined && serverCertificates.length === 0
  );
}
