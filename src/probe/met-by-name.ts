import type { Attack, Before } from "./attack.ts";
import { serverNameAttacks } from "./attacks/server-names.ts";
import type { MetAttack } from "./tried.ts";
import type { Encounter } from "./verdict/judgement.ts";

/** Those whose session was brought back: some servers take each once. */
const used = new WeakSet<Encounter>();

/**
 * The client that asked TLS for that name, as another attack has met it already: whatever session it was given need not
 * be asked for again.
 * @param running the attacks of the round
 * @returns undefined where none did, or each session was used
 */
export async function metByName(
  running: ReadonlyMap<Attack, Promise<MetAttack>>,
  { serverName, identity }: Before,
): Promise<Encounter | undefined> {
  const all = await Promise.all(serverNameAttacks.map(async (attack) => (await running.get(attack))?.met));
  const met = all.flatMap((some = []) =>
    some
      .filter(({ attempt }) => attempt.hello?.serverName === serverName && attempt.identity === identity)
      .map(({ encounter }) => encounter),
  );
  const given = met.filter(({ trace }) => trace.sessions.length > 0);
  const next = given.length === 0 ? met[0] : given.find((one) => !used.has(one));
  if (next !== undefined) used.add(next);
  return next;
}
