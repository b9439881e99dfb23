import { type Answer, holds, sameAnswer } from "../answer.ts";
import { isFlight, isHungUpOn, mayMeetAnotherHost, outlasts, type Presented } from "../evidence.ts";
import type { Trace } from "../exchange.ts";
import { type Controls, type Encounter, inconclusive, type Judgement, type Setting } from "./judgement.ts";
import { leaks } from "./leak.ts";

/** What an answer means, beside what the valid client was told. */
export function judgeAnswer(
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
  if (leaks(answer, controls.good) && !answers.some((one) => one.label === label))
    return accepted(`${label}, with the control's content`);
  if (meaning === "overloaded") return inconclusive(layer, label);
  if (sameAnswer(answer, answers)) return accepted(`${label}, as the control`);
  if (meaning === "granted" && !mayMeetAnotherHost(presented))
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
    label === control
      ? `${label}, another one than the control's, and ${isHungUpOn(trace) ? "a close, not long before valid clients'" : "no close"}: name what only a valid client sees with --canary`
      : `${label}; the control: ${control ?? "no answer"}; name what only a valid client sees with --canary`,
  );
}

/**
 * Asked for what every valid client is granted, the service said that there is nothing, or sent the
 * client elsewhere: 404 and a redirect to a login are how applications deny.
 */
function isTurnedAway({ meaning }: Answer, controls: readonly Answer[]): boolean {
  return meaning === "other" && controls.length > 0 && controls.every((one) => one.meaning === "granted");
}

/**
 * A service that is not understood said something, not what valid clients are told, and hung up on this one long before it
 * did on any of them.
 */
function isShownOut(trace: Trace, { good }: Controls, { maySayNothing }: Setting): boolean {
  if (!maySayNothing || !isHungUpOn(trace)) return false;
  const isKept = good.map((control) => outlasts(control.trace, trace));
  return (
    isKept.includes(true) && good.every((control, i) => isKept[i] === true || !isHungUpOn(control.trace))
  );
}

/** A redirect to https, or 426 Upgrade Required, is how a server refuses to speak without TLS. */
function sendsToTls({ label, content }: Answer): boolean {
  return (
    label === "HTTP 426" ||
    (/^HTTP 30[1278]$/.test(label) && /^https:/i.test(Buffer.from(content).toString("latin1", 0, 6)))
  );
}
