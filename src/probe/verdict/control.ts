import { type Answer, areAlike, holds } from "../answer.ts";
import { describeEnd, isClientRefusal, serverAlert } from "../evidence.ts";
import { hangsUpOnLine } from "../protocols/tls.ts";
import { ASK_OTHERWISE } from "../told-apart.ts";
import { alertName, ILLEGAL_PARAMETER, INTERNAL_ERROR } from "../wire/alerts.ts";
import { type Encounter, inconclusive, type Judgement, type Setting } from "./judgement.ts";
import { judgeUnmade } from "./unmade.ts";

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
  const { label, meaning, notice } = answer;
  if (meaning === "denied") {
    return {
      outcome: "refused",
      layer,
      evidence: `the valid client was refused (${label}); ${ASK_OTHERWISE}`,
    };
  }
  if (meaning === "overloaded" || meaning === "ended") return inconclusive(layer, label);
  if (canary !== undefined && !holds(answer, canary))
    return inconclusive(layer, `${label} without the canary`);
  return {
    outcome: "accepted",
    layer,
    evidence: [label, ...(notice === undefined ? [] : [notice])].join("; "),
  };
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
