import { hangsUpOnLine } from "./protocols/tls.ts";
import { type Answer, areAlike, holds, sameAnswer } from "./answer.ts";
import {
  describeEnd,
  isClientRefusal,
  isFlight,
  isGarbled,
  type Presented,
  serverAlert,
  unproved,
} from "./evidence.ts";
import type { Trace } from "./exchange.ts";
import { hasNoSuite, judgeUndecided } from "./flight.ts";
import {
  alertName,
  HANDSHAKE_FAILURE,
  ILLEGAL_PARAMETER,
  INSUFFICIENT_SECURITY,
  INTERNAL_ERROR,
  PROTOCOL_VERSION,
  refusesFlight,
  UNKNOWN_PSK_IDENTITY,
  UNRECOGNIZED_NAME,
} from "./wire/alerts.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** Where something was decided. */
export type Layer = "tcp" | "tls" | "http" | "app";

/** What became of one client, and how we know. */
export interface Judgement {
  readonly outcome: "accepted" | "refused" | "not-applicable" | "inconclusive";
  readonly layer: Layer;
  /** For people; escaped by whoever shows it. */
  readonly evidence: string;
}

/** What is known of the service apart from the connection that is judged. */
export interface Setting {
  readonly layer: "http" | "app";
  readonly maySayNothing: boolean;
  /** Text that only an accepted client sees. */
  readonly canary: string | undefined;
  /** Undefined without TLS. */
  readonly version: TlsVersion | undefined;
}

/** One connection, with what the protocol makes of it. */
export interface Encounter {
  readonly trace: Trace;
  readonly answer: Answer | undefined;
}

/** Judges the valid client by itself. `not-applicable`: the server does not offer the version. */
export function judgeControl(encounter: Encounter, setting: Setting): Judgement {
  const { trace, answer } = encounter;
  const unmade = judgeUnmade(encounter, setting);
  if (unmade !== undefined) return unmade;
  if (trace.untrusted !== undefined) {
    return inconclusive("tls", `the server's certificate is not trusted (${trace.untrusted})`);
  }
  if (answer !== undefined) return judgeControlAnswer(answer, setting);
  const alert = serverAlert(trace);
  if (alert !== undefined) {
    return isClientRefusal(alert) || REFUSES_KEY.has(alert)
      ? { outcome: "refused", layer: "tls", evidence: `the valid client was refused (${alertName(alert)})` }
      : inconclusive("tls", `alert ${alertName(alert)}`);
  }
  if (setting.maySayNothing && trace.established && trace.end === "open") {
    return { outcome: "accepted", layer: "app", evidence: "established, silent and open" };
  }
  if (setting.maySayNothing && hangsUpOnLine(trace)) {
    return { outcome: "accepted", layer: "app", evidence: "established, silent and open until a line came" };
  }
  return inconclusive(setting.layer, describeEnd(trace));
}

/** How OpenSSL refuses, in TLS 1.2, a certificate whose curve is not among its groups; other faults of a verifier. */
const REFUSES_KEY = new Set([ILLEGAL_PARAMETER, INTERNAL_ERROR]);

function judgeControlAnswer(answer: Answer, { layer, canary }: Setting): Judgement {
  const { label, meaning } = answer;
  if (meaning === "denied") {
    return { outcome: "refused", layer, evidence: `the valid client was refused (${label})` };
  }
  if (meaning === "overloaded" || meaning === "ended") return inconclusive(layer, label);
  if (canary !== undefined && !holds(answer, canary))
    return inconclusive(layer, `${label} without the canary`);
  return { outcome: "accepted", layer, evidence: label };
}

/**
 * Whether two good controls tell the same story. A status says it by itself; of a service that is
 * not understood only the bytes can, unless each holds the canary: a greeting and an error are both answers.
 */
export function agree(first: Encounter, second: Encounter, { layer, canary }: Setting): boolean {
  const [a, b] = [first.answer, second.answer];
  if (a?.label !== b?.label) return false;
  // no later client is sent the line on which the first one was hung up
  if (b === undefined && second.trace.end !== "open") return false;
  return layer === "http" || canary !== undefined || a === undefined || b === undefined || areAlike(a, b);
}

/** The valid client's encounters before and after the attacks. */
export interface Controls {
  /** Encounters in which the control was accepted. */
  readonly good: readonly Encounter[];
  /** Both were, and agreed. */
  readonly sound: boolean;
  /** Some client was refused that had been given tickets: those are given before the client is judged. */
  readonly ticketsToAll?: boolean;
}

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
    if (presented === "other-hello" && isAskedByNobody(trace)) {
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

/** Connections that never came as far as the server's judgement of the client. */
function judgeUnmade({ trace, answer }: Encounter, { version }: Setting): Judgement | undefined {
  if (trace.end === "unconnected") {
    return inconclusive(
      "tcp",
      trace.error === "timeout" ? "no TCP connection in time" : `TCP: ${trace.error}`,
    );
  }
  if (version === undefined || answer !== undefined) return undefined;
  const chosen = trace.seen.version;
  if (chosen === undefined) return judgeWithoutHello(trace, version);
  if (chosen !== version) return notOffered(version, `the server chose TLS ${chosen}`);
  if (trace.localFault === undefined) return undefined;
  return inconclusive("tls", `our own TLS library gave up (${trace.localFault})`);
}

/** The server did not answer the ClientHello with its own. */
function judgeWithoutHello(trace: Trace, version: TlsVersion): Judgement {
  const alert = serverAlert(trace);
  if (alert !== undefined) {
    return SAYS_VERSION.has(alert) || (alert === INTERNAL_ERROR && version !== "1.2" && version !== "1.3")
      ? notOffered(version, alertName(alert))
      : inconclusive("tls", `alert ${alertName(alert)} to the ClientHello`);
  }
  if (trace.localFault === NO_TLS_RECORD) return inconclusive("tls", NO_TLS);
  if (trace.localFault !== undefined) {
    return inconclusive("tls", `our own TLS library gave up (${trace.localFault}), before the ServerHello`);
  }
  // some servers close without a word, at every try that was made; a timeout could be anything
  if (trace.end === "closed" || trace.end === "reset") return notOffered(version, describeEnd(trace));
  return inconclusive("tls", `${describeEnd(trace)}, before the ServerHello`);
}

/** The evidence where a port speaks something else. */
export const NO_TLS = "the port does not speak TLS";

/** How OpenSSL calls an answer to the ClientHello that does not begin as a record does. */
const NO_TLS_RECORD = "ERR_SSL_WRONG_VERSION_NUMBER";

const SAYS_VERSION = new Set([PROTOCOL_VERSION, HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY]);

function notOffered(version: TlsVersion, how: string): Judgement {
  return { outcome: "not-applicable", layer: "tls", evidence: `TLS ${version} is not offered (${how})` };
}

/**
 * Whether an alert is one that answers what was presented. An internal_error is no more than a close:
 * a verifier that gives no reason of its own ends so, such as Apache's beyond its SSLVerifyDepth, or a
 * Java TrustManager that throws.
 */
function refuses(alert: number, presented: Presented): boolean {
  if (presented === "other-hello") return refusesFlight(alert) || HELLO_ALERTS.has(alert);
  return isFlight(presented) ? refusesFlight(alert) : isClientRefusal(alert);
}

const HELLO_ALERTS = new Set([INSUFFICIENT_SECURITY, UNRECOGNIZED_NAME, UNKNOWN_PSK_IDENTITY]);

/**
 * A ClientHello that is not the control's, and an end in place of the ServerHello: so nginx answers a
 * session of another server (CVE-2025-23419).
 */
function refusesHello({ trace }: Encounter, presented: Presented, { sound }: Controls): boolean {
  const own = isFlight(presented)
    ? presented.flight.ownHello
    : presented === "other-hello" || presented === "session";
  const ended = serverAlert(trace) !== undefined || trace.end === "closed" || trace.end === "reset";
  return own && trace.seen.version === undefined && trace.localFault === undefined && ended && sound;
}

/** OpenSSL's way to demand one over anonymous suites too, where no client may answer (RFC 5246, section 7.4.4). */
function isAskedByNobody({ localFault, seen }: Trace): boolean {
  const { request, serverCertificates, version } = seen;
  return (
    localFault !== undefined && version === "1.2" && request !== undefined && serverCertificates.length === 0
  );
}

/** No answer that the protocol understands. */
function judgeSilence(
  trace: Trace,
  presented: Presented,
  controls: Controls,
  { layer, maySayNothing, version }: Setting,
): Judgement {
  if (isGarbled(trace)) return inconclusive(layer, describeEnd(trace));
  const alert = serverAlert(trace);
  if (alert !== undefined) {
    const evidence = `alert ${alertName(alert)}`;
    return refuses(alert, presented) || (alert === INTERNAL_ERROR && controls.sound)
      ? { outcome: "refused", layer: "tls", evidence }
      : inconclusive("tls", evidence);
  }
  if (isFlight(presented) && presented.flight.silenceRefuses && trace.end === "open") {
    return controls.good.some((control) => control.answer !== undefined)
      ? { outcome: "refused", layer: "tls", evidence: "the server says nothing" }
      : { outcome: "not-applicable", layer, evidence: "the service says nothing to valid clients either" };
  }
  if (isFlight(presented) && presented.flight.speaks === true && trace.end === "open" && !trace.asked) {
    return { outcome: "not-applicable", layer, evidence: "the service hangs up on every word" };
  }
  if (maySayNothing && looksAccepted(trace, controls, version)) {
    return { outcome: "accepted", layer, evidence: "established, silent and open, as for the control" };
  }
  if (trace.end === "closed" || trace.end === "reset") {
    return controls.sound
      ? { outcome: "refused", layer: "tls", evidence: describeEnd(trace) }
      : inconclusive("tls", describeEnd(trace));
  }
  return inconclusive(trace.established ? layer : "tls", describeEnd(trace));
}

/**
 * What a server does to any client on a version that it serves to none: an answer that denies, or an
 * end without a byte. Whoever was told anything else there may have been served.
 */
export function looksRefused({ trace, answer }: Encounter): boolean {
  if (answer !== undefined) return ["denied", "challenged", "ended"].includes(answer.meaning);
  return !isGarbled(trace) && (trace.end === "closed" || trace.end === "reset");
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

function judgeAnswer(
  { trace }: Encounter,
  answer: Answer,
  presented: Presented,
  controls: Controls,
  setting: Setting,
): Judgement {
  const { label, meaning } = answer;
  const { layer, canary } = setting;
  const answers = controls.good.flatMap((control) => control.answer ?? []);
  const control = answers[0]?.label;
  const accepted = (evidence: string): Judgement => ({ outcome: "accepted", layer, evidence });
  const refused = (evidence: string): Judgement =>
    controls.sound ? { outcome: "refused", layer, evidence } : inconclusive(layer, label);
  if (canary !== undefined) {
    if (holds(answer, canary)) return accepted(`${label} with the canary`);
    return meaning === "overloaded" ? inconclusive(layer, label) : refused(`${label} without the canary`);
  }
  if (meaning === "overloaded") return inconclusive(layer, label);
  if (sameAnswer(answer, answers)) return accepted(`${label}, as the control`);
  if (leaks(answer, answers)) return accepted(`${label}, with the control's content`);
  // another virtual host may greet everybody in its own words
  if (meaning === "granted" && presented !== "other-hello")
    return accepted(control === undefined ? label : `${label}; the control: ${control}`);
  const denied =
    meaning === "denied" ||
    meaning === "challenged" ||
    meaning === "ended" ||
    (presented === "no-tls" ? sendsToTls(answer) : isTurnedAway(answer, answers));
  const onlyListens =
    isFlight(presented) && presented.flight.silenceRefuses && presented.flight.decides !== "early-data";
  if (!onlyListens && isShownOut(trace, controls, setting))
    return refused(`${label}, not the control's, and a close`);
  if (denied && label !== control) return refused(`${label}; the control: ${control}`);
  return inconclusive(
    layer,
    `${label}; the control: ${control ?? "no answer"}; name what only a valid client sees with --canary`,
  );
}

/**
 * Asked for what every valid client is granted, the service said that there is nothing, or sent the
 * client elsewhere: 404 and a redirect to a login are how applications deny.
 */
function isTurnedAway({ meaning }: Answer, controls: readonly Answer[]): boolean {
  return meaning === "other" && controls.length > 0 && controls.every((one) => one.meaning === "granted");
}

/** A service that is not understood said something, not what valid clients are told, and hung up on this one alone. */
function isShownOut({ end }: Trace, { good }: Controls, { maySayNothing }: Setting): boolean {
  const hungUp = end === "closed" || end === "reset";
  return maySayNothing && hungUp && good.length > 0 && good.every(({ trace }) => trace.end === "open");
}

/** A denial in name only: it holds what every valid client was granted. */
function leaks({ content }: Answer, controls: readonly Answer[]): boolean {
  return (
    content.length >= MIN_CONTENT &&
    controls.length > 0 &&
    controls.every(
      (control) => control.meaning === "granted" && Buffer.compare(control.content, content) === 0,
    )
  );
}

/** Less than this, such as `{}`, says nothing. */
const MIN_CONTENT = 8;

/** A redirect to https, or 426 Upgrade Required, is how a server refuses to speak without TLS. */
function sendsToTls({ label, content }: Answer): boolean {
  return (
    label === "HTTP 426" ||
    (/^HTTP 30[1278]$/.test(label) && /^https:/i.test(Buffer.from(content).toString("latin1", 0, 6)))
  );
}

function inconclusive(layer: Layer, evidence: string): Judgement {
  return { outcome: "inconclusive", layer, evidence };
}
