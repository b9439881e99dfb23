import type { Attack, Attempt } from "./attack.ts";
import { hasOtherHello, isFlight, serverAlert } from "./evidence.ts";
import { tookNoEarlyData } from "./flight.ts";
import { unlessInterrupted } from "./interruption.ts";
import { type Field, meetingOf } from "./meeting.ts";
import { metByName } from "./met-by-name.ts";
import { planAgain, planOf } from "./plan.ts";
import { repeatAlone } from "./repeat.ts";
import { isSettled } from "./settled.ts";
import { strangers, withCookies } from "./strangers.ts";
import type { Met, MetAttack, RoundSetup } from "./tried.ts";
import { isForNobody } from "./variant.ts";
import { NEWEST_VERSION } from "./wire/versions.ts";

/** Tries the attacks side by side, the clients of each in turn. */
export async function attackAll(
  setup: RoundSetup,
  attacks: readonly Attack[],
  field: Field,
): Promise<MetAttack[]> {
  const { scene, version, controls, lead } = field;
  const isNewest = version === NEWEST_VERSION;
  let running: ReadonlyMap<Attack, Promise<MetAttack>> = new Map();
  const { meet, isAccepted, isUnanswered } = meetingOf(setup, field, {
    told: async (identity) => known.told(identity),
    byName: async (before) => metByName(running, before),
  });
  const known = strangers(scene, () => running, meet, isAccepted, { ...setup.newest, isThis: isNewest });

  /** Of an accepted attempt that is many in one, the part that is accepted by itself. */
  const smallest = async (attack: Attack, accepted: Met): Promise<Met> => {
    for (const part of accepted.attempt.smaller?.() ?? []) {
      const met = await meet(attack, part);
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
        const one = await meet(attack, ready);
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
  const meetAlone = async (attack: Attack, attempt: Attempt) => meet(attack, attempt, setup.alone);
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
