import { areUnlike, sameAnswer } from "./answer.ts";
import { isHungUpOn } from "./evidence.ts";
import type { HttpRequest } from "./protocols/http.ts";
import type { Target } from "./target.ts";
import type { Controls, Encounter, Judgement } from "./verdict/judgement.ts";

/** A request for something else than the target, and how it is told of. */
export interface OtherRequest {
  readonly where: string;
  readonly request: HttpRequest;
}

/** None of them changes anything: valid clients ask so too. */
export function otherRequests(request: HttpRequest, { scheme }: Target): OtherRequest[] {
  const get = { ...request, method: "GET", body: undefined };
  const pathed = scheme === "grpcs" ? [] : [request.path === "/" ? "/health" : "/", "/fleetsec-probe"];
  const called = scheme === "grpcs" ? ["/fleetsec.Probe/None"] : [];
  const at = (path: string, asked: HttpRequest) => ({ where: `at ${path}`, request: { ...asked, path } });
  const withToken = [...request.fields, ["authorization", "Bearer fleetsec-probe"] as const];
  return [
    ...pathed.map((path) => at(path, get)),
    ...called.map((path) => at(path, request)),
    { where: "with a made-up token", request: { ...request, fields: withToken } },
  ];
}

/** Whether a stranger was told the same as valid clients, who are granted nothing either, such as 401 or 404. */
export function isMereDenial({ answer }: Encounter, { good }: Controls): boolean {
  const answers = [answer, ...good.map((control) => control.answer)];
  return good.length > 0 && answers.every((one) => one !== undefined && one.meaning !== "granted");
}

/**
 * Where everybody is denied alike, that may be the application's word to who was let in, or a check's to who was not.
 * What the service says to other requests shows whether it knows the stranger from a valid client.
 * @returns how it does; null where it was not seen to
 */
export async function toldApart(
  requests: readonly OtherRequest[],
  ask: Readonly<Record<"stranger" | "valid", (other: OtherRequest) => Promise<Encounter>>>,
): Promise<string | null> {
  for (const other of requests) {
    const ours = await ask.stranger(other);
    const first = await ask.valid(other);
    if (!differs(ours, [first])) continue;
    // what is made anew each time sets nobody apart
    const theirs = [first, await ask.valid(other)];
    if (!differs(ours, theirs)) continue;
    const label = first.answer?.label ?? "";
    return `${other.where} a valid client ${label === ours.answer?.label ? "is told something else" : `gets ${label}`}`;
  }
  return null;
}

function differs({ answer, trace }: Encounter, valid: readonly Encounter[]): boolean {
  const theirs = valid.flatMap((one) => one.answer ?? []);
  if (theirs.length < valid.length || theirs.some(({ meaning }) => meaning === "overloaded")) return false;
  if (answer === undefined) return isHungUpOn(trace);
  if (answer.meaning === "granted" || answer.meaning === "overloaded" || areUnlike(theirs)) return false;
  return !sameAnswer(answer, theirs);
}

/** @param apart what `toldApart` found; undefined where it was not asked */
export function inLightOf(judgement: Judgement, apart: string | null | undefined): Judgement {
  const { outcome, evidence } = judgement;
  if (outcome !== "accepted" || apart === undefined) return judgement;
  if (apart === null) return { ...judgement, evidence: `${evidence}, and told from it by no other request` };
  return { ...judgement, outcome: "inconclusive", evidence: `${evidence}, but ${apart}; ${ASK_OTHERWISE}` };
}

/** What to do where valid clients are denied. */
export const ASK_OTHERWISE = "ask for what valid clients are granted";
