import type { Attack, Attempt, Other, Plan, Scene } from "./attack.ts";
import { presenting } from "./attack.ts";
import type { Endpoint, Meet } from "./endpoint.ts";
import { hasOtherHello, isFlight, serverAlert } from "./evidence.ts";
import { tookNoEarlyData } from "./flight.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import { lateDenials, patiently } from "./late.ts";
import { judgeMet, withOwnControl } from "./own-control.ts";
import { repeatAlone } from "./repeat.ts";
import { isSettled, leftOpen, onceForEachKind } from "./settled.ts";
import { isMereDenial, otherRequests, toldApart } from "./told-apart.ts";
import { type NewestVersion, strangers, withCookies } from "./strangers.ts";
import type { Controls, Encounter, Judgement, Setting } from "./verdict/judgement.ts";
import { withoutCertificate } from "./wire/attempt.ts";
import { isForNobody } from "./variant.ts";
import { NEWEST_VERSION, type TlsVersion } from "./wire/versions.ts";

/** What a round is made with. */
export interface RoundSetup {
  readonly endpoint: Endpoint;
  readonly meet: Meet;
  readonly alone: Meet;
  readonly forgery: Forgery;
  /** Identities that the user supplied, by attack. */
  readonly supplied: ReadonlyMap<string, Identity>;
  /** The other listeners that are probed. */
  readonly others: readonly Other[];
  readonly newest: NewestVersion;
  readonly signal: AbortSignal;
}

/** What became of one attack: its clients, or why there were none. */
export interface TriedAttack {
  readonly attack: Attack;
  readonly plan: Plan;
  /** As far as they were made, in the order of the plan. */
  readonly judged: readonly (Met & { readonly judgement: Judgement })[];
  /** Why some were not made, where that was no interruption. */
  readonly cutShort?: string | undefined;
}

/** One attempt's connection. */
export interface Met {
  readonly attempt: Attempt;
  readonly encounter: Encounter;
  /** Why the attempt could not be made: the encounter is what should have led to it. */
  readonly unmade?: string;
  /** The valid client that asked in the same way, where that has to be known: twice where answers differ. */
  readonly own?: readonly Encounter[];
  /** How the service knows it from a valid client, where both are denied alike; null where it was not seen to. */
  readonly apart?: string | null;
}

export interface MetAttack {
  readonly attack: Attack;
  readonly plan: Plan;
  readonly met: Met[];
}

/** Where attacks take place: one TLS version of one endpoint, after its first control. */
export interface Field {
  readonly scene: Scene;
  readonly version: TlsVersion | null;
  readonly controls: Controls;
  readonly first: Encounter;
  readonly setting: Setting;
  /** What was tried on another endpoint of the same listener. */
  readonly lead: readonly TriedAttack[] | undefined;
}

/** Tries the attacks side by side, the clients of each in turn. */
export async function attackAll(
  setup: RoundSetup,
  attacks: readonly Attack[],
  { scene, version, controls, first, setting, lead }: Field,
): Promise<MetAttack[]> {
  const late = lateDenials(async () => {
    const identity = await setup.forgery.controlIn(scene.families);
    return patiently(setup.meet)({ version, identity, control: true, like: first.trace });
  });
  const isNewest = version === NEWEST_VERSION;
  let running: ReadonlyMap<Attack, Promise<MetAttack>> = new Map();
  const known = strangers(
    scene,
    () => running,
    async (attack, attempt) => meetAttempt(attack, attempt),
    (met) => isAccepted(met),
    { ...setup.newest, isThis: isNewest },
  );
  const meetAttempt = async ({ weight }: Attack, attempt: Attempt, by = setup): Promise<Met> => {
    const ask = async (meet: Meet) => {
      const asked = { ...by, meet };
      const one = await meetOne(asked, version, attempt, first);
      const usual = attempt.smaller && (await known.told(attempt.identity));
      const met = await withOwnControl(asked, scene, one, { ...controls, sound: true }, setting, usual);
      return isMereDenial(met.encounter, controls) && isAccepted(met) ? besideValid(asked, met) : met;
    };
    const besideValid = async (asked: RoundSetup, met: Met): Promise<Met> => {
      const own = scene.protocol.http;
      const { http = own } = attempt.protocol ?? scene.protocol;
      if (http === undefined || own === undefined || version === null) return met;
      const apart = await toldApart(otherRequests(own.request, scene.target), {
        stranger: async ({ request }) => {
          const other = { ...attempt, protocol: http.ask(request) };
          return (await meetOne(asked, version, other, first)).encounter;
        },
        valid: async ({ request }) => {
          const identity = await setup.forgery.controlIn(scene.families);
          return asked.meet({
            version,
            identity,
            control: true,
            like: first.trace,
            protocol: own.ask(request),
          });
        },
      });
      return { ...met, apart };
    };
    const hasWaited = late.isKnown();
    const met = await ask(hasWaited ? patiently(by.meet) : by.meet);
    // what is let in on purpose says nothing of those that are not
    const isDecided = weight === "reported" || met.encounter.answer !== undefined || !isAccepted(met);
    return isDecided || hasWaited ? met : late.decisive(met, async () => ask(patiently(by.meet)));
  };
  const isAccepted = (met: Met) => judgeMet(met, controls, setting).outcome === "accepted";
  // whoever is served is answered here, and this one was neither answered nor turned away
  const isUnanswered = (met: Met) =>
    first.answer !== undefined &&
    met.encounter.answer === undefined &&
    met.encounter.trace.end === "open" &&
    judgeMet(met, controls, setting).outcome === "inconclusive";
  /** Of an accepted attempt that is many in one, the part that is accepted by itself. */
  const smallest = async (attack: Attack, accepted: Met): Promise<Met> => {
    for (const part of accepted.attempt.smaller?.() ?? []) {
      const met = await meetAttempt(attack, part);
      if (isAccepted(met)) return smallest(attack, met);
    }
    return accepted;
  };
  const run = async (attack: Attack): Promise<MetAttack> => {
    const before = attack.perTarget === true ? undefined : lead?.find((one) => one.attack.id === attack.id);
    if (before !== undefined && isSettled(before))
      return { attack, plan: before.plan, met: [...before.judged] };
    const plan =
      before === undefined ? await planOf(setup, attack, scene) : await planAgain(setup, before, scene);
    if (!("attempts" in plan)) return { attack, plan, met: [] };
    const meetAll = async (attempts: readonly Attempt[], met: Met[]) => {
      const left = [...attempts];
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const ready = next.bringsCookies ? withCookies(next, await known.told(next.identity)) : next;
        if (ready === undefined) continue;
        const one = await meetAttempt(attack, ready);
        // one that is accepted says it all
        if (isAccepted(one)) return void met.push(await smallest(attack, one));
        met.push(one);
        if (isForNobody(one, controls)) left.unshift(...(ready.smaller?.() ?? []));
        // nor need those be told apart that only ask otherwise, where none comes to ask
        while (left[0] !== undefined && saysForBoth(one, left[0])) left.shift();
      }
    };
    const bare: Met[] = [];
    const strange: [Met[], Met[]] = [[], []];
    const byStrangers = async () => {
      const all = await known.withCertificate(attack, plan.attempts);
      if (bare.some(isAccepted)) return;
      // they begin late, once the first stranger was met
      const half = Math.ceil(all.length / 2);
      const halves = [all.slice(0, half), all.slice(half)] as const;
      await Promise.all([meetAll(halves[0], strange[0]), meetAll(halves[1], strange[1])]);
    };
    const whole = await unlessInterrupted(setup.signal, async () => {
      await Promise.all([meetAll(plan.attempts, bare), byStrangers()]);
      return true;
    });
    const met = [...bare, ...strange.flat()];
    const made = met.map(({ attempt }) => attempt);
    return { attack, plan: { attempts: whole === true ? made : [...made, ...plan.attempts] }, met };
  };
  running = new Map(attacks.map((attack) => [attack, run(attack)]));
  if (isNewest) {
    for (const [{ id }, ran] of running)
      setup.newest.accepted.set(
        id,
        ran.then(({ met }) => met.some(isAccepted)),
      );
  }
  const all = await Promise.all(running.values());
  const meetAlone = async (attack: Attack, attempt: Attempt) =>
    meetAttempt(attack, attempt, { ...setup, meet: setup.alone });
  if (setup.signal.aborted) return all;
  await unlessInterrupted(setup.signal, () => repeatAlone(all, meetAlone, isUnanswered));
  return all;
}

/**
 * Whether a client was turned away before it could ask, and the other one differs in nothing else; or for
 * its ClientHello, and the other one has the same; or whether it had 0-RTT data that the server takes from nobody.
 */
function saysForBoth({ attempt, encounter: { trace } }: Met, other: Attempt): boolean {
  if (isFlight(attempt.presented) && tookNoEarlyData(attempt.presented.flight, trace)) return true;
  if (trace.asked || trace.end === "open") return false;
  const offers = attempt.protocol?.alpn.join();
  const sameHello = offers !== undefined && offers === other.protocol?.alpn.join();
  if (!sameHello || attempt.hello !== other.hello) return false;
  if (trace.seen.version === undefined && serverAlert(trace) !== undefined) return true;
  if (attempt.identity !== other.identity || attempt.atOnce !== other.atOnce) return false;
  const { presented } = attempt;
  if (presented === "no-certificate" || hasOtherHello(presented)) return presented === other.presented;
  return typeof presented === "object" && "certificate" in presented && attempt.identity !== undefined;
}

const NO_SESSION = "no session was given to resume";

/** Makes an attempt's connection, and before it the one whose session it resumes. */
async function meetOne(
  { meet }: RoundSetup,
  version: TlsVersion | null,
  attempt: Attempt,
  first: Encounter,
): Promise<Met> {
  const { wire, identity, hello, resumes, protocol, opening, port, atOnce } = attempt;
  const client = { version, identity, control: false, like: first.trace, protocol, opening, port };
  const attack = { ...client, wire, hello, atOnce };
  if (resumes === undefined) return { attempt, encounter: await meet(attack) };
  if (resumes.at !== undefined) {
    const borrowed = version === null ? undefined : await resumes.at.session(version, resumes.identity);
    if (borrowed === undefined) return { attempt, encounter: first, unmade: NO_SESSION };
    const encounter = await meet({ ...attack, session: borrowed.session });
    if (wasPassedOver(encounter)) borrowed.giveBack();
    return { attempt, encounter };
  }
  const owner = wire && { attempt: withoutCertificate, identity: undefined };
  const before = await meet({ ...client, identity: resumes.identity, wire: owner });
  const session = before.trace.sessions.at(-1);
  if (session === undefined) return { attempt, encounter: before, unmade: NO_SESSION };
  return { attempt, encounter: await meet({ ...attack, session }) };
}

/**
 * The server has shown its certificate, as to a stranger, so that the session is as good as before. In TLS 1.3
 * a store that gives each out once, against replays (RFC 8446, section 8.1), may have lost it all the same.
 */
function wasPassedOver({ trace: { seen } }: Encounter): boolean {
  return seen.version === "1.2" && seen.serverCertificates.length > 0;
}

/** The clients that tried another endpoint of the listener; those that ask for something ask for it here. */
async function planAgain(setup: RoundSetup, before: TriedAttack, scene: Scene): Promise<Plan> {
  const { attack, plan } = before;
  const asks = !("attempts" in plan) || plan.attempts.some(({ protocol }) => protocol !== undefined);
  return onceForEachKind(asks ? await planOf(setup, attack, scene) : leftOpen(before));
}

async function planOf({ supplied }: RoundSetup, attack: Attack, scene: Scene): Promise<Plan> {
  const identity = supplied.get(attack.id);
  if (identity === undefined) return attack.plan(scene);
  if (attack.planWith !== undefined) return attack.planWith(identity, scene);
  return { attempts: [presenting(identity, "as supplied")] };
}

export function judgeAll(
  { attack, plan, met }: MetAttack,
  controls: Controls,
  setting: Setting,
  cutShort?: string,
): TriedAttack {
  return {
    attack,
    plan,
    cutShort,
    judged: met.map((one) => ({ ...one, judgement: judgeMet(one, controls, setting) })),
  };
}

/** What was known before an interruption is still worth telling. */
export async function unlessInterrupted<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!signal.aborted) throw error;
    return undefined;
  }
}
