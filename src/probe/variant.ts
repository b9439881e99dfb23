import { type Answer, areUnlike, sameAnswer, saysNothing } from "./answer.ts";
import { isGarbled, isHungUpOn, serverAlert } from "./evidence.ts";
import type { Controls, Encounter, Judgement } from "./verdict/judgement.ts";
import { leaks } from "./verdict/leak.ts";

/** A client that asked otherwise than the control did, and the valid client that asked in the same way. */
export interface Variant {
  readonly encounter: Encounter;
  /** Empty where it need not be known: the attacker was refused. Two where they differ from client to client. */
  readonly own: readonly Own[];
  readonly controls: Controls;
  /** Text that only an accepted client sees; where it is known, it has decided. */
  readonly canary: string | undefined;
}

/** The valid client that asked in the same way. */
interface Own {
  readonly encounter: Encounter;
  readonly judgement: Judgement;
}

/** What a judgement by the usual rule comes to, for a client that asked otherwise. */
export type Revise = (judgement: Judgement, variant: Variant) => Judgement;

/** It asked for the same thing in another way: only what valid clients get in that way says what acceptance is. */
export const asSameRequest: Revise = (judgement, { encounter, own: [own], controls, canary }) => {
  if (judgement.outcome === "refused" || own === undefined) return judgement;
  if (canary !== undefined && judgement.outcome === "accepted") return judgement;
  const { answer } = encounter;
  if (own.judgement.outcome !== "accepted") {
    // a valid client may shrink from another server's certificate; what the target itself gives is let out all the same
    return isTheTargets(judgement, answer, controls) ? judgement : withoutService(judgement, encounter, own);
  }
  if (canary !== undefined || answer === undefined || answer.meaning === "overloaded") return judgement;
  // a denial that hands the target's content out is none, whatever valid clients get
  if (judgement.outcome === "accepted" && leaks(answer, controls.good)) return judgement;
  const { layer } = judgement;
  const theirs = own.encounter.answer;
  if (answer.meaning === "granted") {
    return { outcome: "accepted", layer, evidence: `${answer.label}, as for a valid client` };
  }
  // 405, say, is what the method gets from anybody: only what the target itself gives tells clients apart
  if (theirs?.meaning !== "granted" && answersOf(controls.good).every(({ label }) => label !== theirs?.label))
    return notForValidClients(judgement, own);
  // a 401 for want of a certificate and one for want of a token look alike to HEAD
  if (theirs !== undefined && saysNothing(theirs)) return notForValidClients(judgement, own);
  if (theirs !== undefined && sameAnswer(answer, [theirs])) {
    return { outcome: "accepted", layer, evidence: `${answer.label}, as for a valid client` };
  }
  const evidence = `${answer.label}; a valid client: ${theirs?.label ?? "no answer"}`;
  return controls.sound ? { outcome: "refused", layer, evidence } : judgement;
};

/**
 * The same with more in its head, which alone may be what is refused: too long for a gateway, or a field that it takes from
 * nobody. Then valid clients are refused as well, and nothing was learnt of what such a head leads to.
 */
export const asMarkedRequest: Revise = (judgement, variant) => {
  const {
    own: [own],
    controls,
    encounter,
  } = variant;
  if (judgement.outcome !== "refused" || own === undefined) return asSameRequest(judgement, variant);
  if (isServed(own.encounter, controls)) return judgement;
  return withoutService(judgement, encounter, own);
};

/** A valid client that asked in the same way was told something else than what the control was. */
export function isForNobody({ own }: { readonly own?: readonly Encounter[] }, controls: Controls): boolean {
  return own?.some((one) => !isServed(one, controls)) === true;
}

function isServed({ answer }: Encounter, { good }: Controls): boolean {
  return answersOf(good).some(({ label }) => label === answer?.label);
}

function isTheTargets({ outcome }: Judgement, answer: Answer | undefined, { good }: Controls): boolean {
  if (outcome !== "accepted" || answer?.meaning !== "granted" || answer.content.length === 0) return false;
  return sameAnswer(answer, answersOf(good));
}

/**
 * The same for a service of which nothing is known: what even valid clients are told in this way, and not
 * in the control's, is another service.
 */
export const asSameService: Revise = (judgement, { encounter, own: [own], controls }) => {
  if (judgement.outcome !== "inconclusive" || own === undefined) return judgement;
  if (own.judgement.outcome !== "accepted") return withoutService(judgement, encounter, own);
  const [answer, theirs] = [encounter.answer, own.encounter.answer];
  if (answer === undefined || theirs === undefined) return judgement;
  return sameAnswer(answer, [theirs]) && !sameAnswer(theirs, answersOf(controls.good))
    ? { ...judgement, outcome: "not-applicable", evidence: "another service answers there" }
    : judgement;
};

/** Nor was the valid client served: nobody is, where it is known what became of that one. */
function withoutService(judgement: Judgement, encounter: Encounter, own: Own): Judgement {
  if (isKnown(own) || isSameFault(encounter, own) || isSameHello(encounter, own)) {
    return notForValidClients(judgement, own);
  }
  const evidence = `${judgement.evidence}; of a valid client nothing is known: ${own.judgement.evidence}`;
  return { ...judgement, outcome: "inconclusive", evidence };
}

/** It was told something, or shrank from the server's certificate. A timeout or an overload may be an accident. */
function isKnown({ judgement, encounter: { answer, trace } }: Own): boolean {
  if (judgement.outcome !== "inconclusive" || trace.untrusted !== undefined) return true;
  if (answer !== undefined) return answer.meaning !== "overloaded";
  if (serverAlert(trace) !== undefined) return true;
  return trace.localFault === undefined && isHungUpOn(trace);
}

function notForValidClients({ layer }: Judgement, { judgement, encounter }: Own): Judgement {
  const evidence = `not for valid clients either: ${encounter.answer?.label ?? judgement.evidence}`;
  return { outcome: "not-applicable", layer, evidence };
}

/**
 * It asked for what may be something else, which may well be for everybody. It was let in where it got
 * what valid clients get from the target, or what they do not get in this way.
 */
export const asOtherRequest: Revise = (judgement, variant) => revisedAs("host", judgement, variant);

/**
 * The same for another path of the same host, which may greet its own clients by name: what valid clients
 * do not get there counts only where they get what the target gives.
 */
export const asOtherPath: Revise = (judgement, variant) => revisedAs("path", judgement, variant);

function revisedAs(
  other: "host" | "path",
  judgement: Judgement,
  { encounter, own: owns, controls, canary }: Variant,
): Judgement {
  const { answer } = encounter;
  const [own] = owns;
  if (judgement.outcome === "inconclusive" && own !== undefined && failsAlike(encounter, own)) {
    return notForValidClients(judgement, own);
  }
  if (canary !== undefined || judgement.outcome === "refused") return judgement;
  if (answer === undefined || answer.meaning === "overloaded") return judgement;
  const { layer } = judgement;
  const answers = answersOf(controls.good);
  if (!answers.some(({ meaning }) => meaning === "granted")) {
    return {
      outcome: "not-applicable",
      layer,
      evidence: "valid clients are granted nothing that could be told apart",
    };
  }
  // what they get, whatever it is called
  if (sameAnswer(answer, answers)) return judgement;
  if (judgement.outcome === "accepted" && answer.meaning !== "granted") return judgement;
  if (answer.meaning !== "granted") {
    const evidence = `${answer.label}; the control: ${answers[0]?.label ?? "no answer"}`;
    return controls.sound
      ? { outcome: "refused", layer, evidence }
      : { ...judgement, outcome: "inconclusive" };
  }
  const theirs = answersOf(owns.map((one) => one.encounter));
  if (theirs.length === 0 || theirs.some(({ meaning }) => meaning !== "granted")) {
    return { ...judgement, outcome: "inconclusive" };
  }
  if (!sameAnswer(answer, theirs)) {
    if (other === "host" || theirs.some((one) => sameAnswer(one, answers)))
      return { ...judgement, outcome: "accepted" };
    if (areUnlike(answers)) {
      const evidence = `${answer.label}; name what only a valid client sees with --canary`;
      return { outcome: "inconclusive", layer, evidence };
    }
  }
  return controls.sound
    ? { outcome: "refused", layer, evidence: `${answer.label}, but something else than the target` }
    : { ...judgement, outcome: "inconclusive" };
}

/** A method that may be granted to everybody without a word of the target, as OPTIONS is (CORS): that is no acceptance. */
export function unlessEmpty(revise: Revise): Revise {
  return (judgement, variant) => {
    const { answer } = variant.encounter;
    if (answer?.meaning !== "granted" || answer.content.length > 0) return revise(judgement, variant);
    const traits = answersOf(variant.controls.good).flatMap((one) => one.traits ?? []);
    if (answer.traits?.some((one) => traits.includes(one)) === true) return revise(judgement, variant);
    const evidence = `${answer.label} without content, or a length or tag of the target's`;
    return { outcome: "not-applicable", layer: judgement.layer, evidence };
  };
}

/** The same request, which TLS may have led to another virtual host: that may be for everybody. */
export const asOtherHost: Revise = (judgement, variant) => {
  const granted = answersOf(variant.controls.good).some(({ meaning }) => meaning === "granted");
  return judgement.outcome === "inconclusive" && granted ? asOtherRequest(judgement, variant) : judgement;
};

/** Whether a valid client that asked in the same way was granted something else than the attacker. */
export function isOtherGrant({ answer }: Encounter, { answer: theirs }: Encounter): boolean {
  if (answer?.meaning !== "granted" || theirs?.meaning !== "granted") return false;
  return !sameAnswer(answer, [theirs]);
}

/** A fault that what was asked for causes, whoever asks: the same 5xx, the same end, the same silence. */
function failsAlike(encounter: Encounter, own: Own): boolean {
  const { answer, trace } = encounter;
  if (answer !== undefined) return isSameFault(encounter, own);
  const theirs = own.encounter;
  const isConnected = trace.end !== "unconnected";
  return isConnected && theirs.answer === undefined && trace.end === theirs.trace.end && !isGarbled(trace);
}

function isSameFault({ answer }: Encounter, { encounter: theirs }: Own): boolean {
  const isFault = answer?.meaning === "overloaded" || answer?.meaning === "ended";
  return isFault && answer.label === theirs.answer?.label;
}

/** Our TLS library finds the same fault in the ServerHello, whoever asks: Apache chooses what was not offered. */
function isSameHello({ trace }: Encounter, { encounter: { trace: theirs } }: Own): boolean {
  const { localFault, seen } = trace;
  return localFault !== undefined && seen.version !== undefined && localFault === theirs.localFault;
}

function answersOf(encounters: readonly Encounter[]) {
  return encounters.flatMap(({ answer }) => answer ?? []);
}

/** A method that may change something, with which no valid client asks: it may be one that nobody may use. */
export const asStranger: Revise = (judgement, { encounter: { answer } }) => {
  const { outcome, layer } = judgement;
  // RFC 9110, sections 15.5.6 and 15.6.2
  const isOfMethod = answer?.label === "HTTP 405" || answer?.label === "HTTP 501";
  if (outcome !== "inconclusive" || !isOfMethod) return judgement;
  return { outcome: "not-applicable", layer, evidence: `${answer.label}, which is about the method` };
};

/** Someone whom the service must know and turn away: it may also say that there is nothing to be had. */
export const asDenied: Revise = (judgement, { encounter: { answer }, controls }) => {
  const { outcome, layer } = judgement;
  const granted = answersOf(controls.good).some(({ meaning }) => meaning === "granted");
  if (outcome !== "inconclusive" || answer?.meaning !== "other" || !granted || !controls.sound)
    return judgement;
  return { outcome: "refused", layer, evidence: judgement.evidence };
};

/** Someone whom the service must serve: the control of those that it must not. */
export const asAllowed: Revise = ({ outcome, layer, evidence }) =>
  outcome === "accepted"
    ? { outcome: "not-applicable", layer, evidence: "served, as it is to be" }
    : { outcome: "inconclusive", layer, evidence: `is to be served: ${evidence}` };
