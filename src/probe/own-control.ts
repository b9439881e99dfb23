import { type Answer, sameAnswer } from "./answer.ts";
import type { Scene } from "./attack.ts";
import { changing } from "./methods.ts";
import type { Protocol } from "./protocol.ts";
import { inLightOf } from "./told-apart.ts";
import type { Met, RoundSetup } from "./tried.ts";
import { isOtherGrant } from "./variant.ts";
import { judgeAttempt } from "./verdict/attempt.ts";
import { judgeControl } from "./verdict/control.ts";
import type { Controls, Judgement, Setting } from "./verdict/judgement.ts";

/**
 * Where the attacker asked otherwise and was not refused, a valid client shows what is to be had in that way.
 * @param usual what the attacker is told that asks as the control does
 */
export async function withOwnControl(
  { meet, forgery, endpoint }: RoundSetup,
  { version, families }: Scene,
  met: Met,
  controls: Controls,
  setting: Setting,
  usual: Answer | undefined,
): Promise<Met> {
  const { revise, smaller, resumes } = met.attempt;
  // a session may lead to the host that gave it
  const protocol = met.attempt.protocol ?? (resumes && endpoint.protocol);
  const hello = resumes?.serverName === undefined ? met.attempt.hello : { serverName: resumes.serverName };
  if (revise === undefined || protocol === undefined || version === null || met.unmade !== undefined)
    return met;
  const methodOf = ({ http }: Protocol) => http?.request.method ?? endpoint.target.method;
  const method = methodOf(protocol);
  // nothing is changed in a valid client's name that the target is not there to change
  if (method !== methodOf(endpoint.protocol) && changing.includes(method)) return met;
  const isDecided = smaller === undefined || isSameDenial(met.encounter.answer, usual);
  if (isDecided && judgeAsControl(met, controls, setting).outcome === "refused") return met;
  const identity = await forgery.controlIn(families);
  // of a service that is not understood only the control shows how one talks with it
  const like = (protocol.maySayNothing ? (controls.good[0] ?? met.encounter) : met.encounter).trace;
  const ask = async () => meet({ version, identity, control: true, like, protocol, hello });
  const own = await ask();
  // what is made anew for each client, such as a token in a page, sets nobody apart
  const differs = isOtherGrant(met.encounter, own);
  return { ...met, own: differs ? [own, await ask()] : [own] };
}

/** What was asked for is not what the denial is about. */
function isSameDenial(answer: Answer | undefined, usual: Answer | undefined): boolean {
  if (answer === undefined || usual === undefined) return answer === usual;
  return sameAnswer(answer, [usual]);
}

export function judgeMet(met: Met, controls: Controls, setting: Setting): Judgement {
  return inLightOf(judgeRevised(met, controls, setting), met.apart);
}

function judgeRevised(met: Met, controls: Controls, setting: Setting): Judgement {
  const judgement = judgeAsControl(met, controls, setting);
  const { attempt, encounter, own } = met;
  if (attempt.revise === undefined) return judgement;
  return attempt.revise(judgement, {
    encounter,
    own: own?.map((one) => ({ encounter: one, judgement: judgeControl(one, setting) })) ?? [],
    controls,
    canary: setting.canary,
  });
}

function judgeAsControl(
  { attempt, encounter, unmade }: Met,
  controls: Controls,
  setting: Setting,
): Judgement {
  // where not even that connection could be made, its own judgement says so
  const elsewhere = attempt.resumes?.at !== undefined;
  if (unmade !== undefined && (elsewhere || encounter.trace.seen.version === setting.version)) {
    return { outcome: "not-applicable", layer: "tls", evidence: unmade };
  }
  return judgeAttempt(encounter, attempt.presented, controls, setting);
}
