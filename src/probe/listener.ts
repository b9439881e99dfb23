import type { Attack, Other } from "./attack.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import { unlessInterrupted } from "./interruption.ts";
import type { Place } from "./place.ts";
import { plainRound, type Round, tlsRound } from "./round.ts";
import { newestVersion } from "./strangers.ts";
import type { RoundSetup } from "./tried.ts";
import { NEWEST_VERSION, type TlsVersion } from "./wire/versions.ts";

/** What every endpoint of a run is tried with. */
export interface Trial {
  readonly attacks: readonly Attack[];
  readonly forgery: Forgery;
  /** Identities that the user supplied, by attack. */
  readonly supplied: ReadonlyMap<string, Identity>;
  readonly signal: AbortSignal;
}

/** What became of one place. */
export interface Tried {
  readonly place: Place;
  readonly rounds: readonly Round[];
  /** Something was left out because of an interruption. */
  readonly interrupted: boolean;
}

/** Newest first: it is the one that most clients use. */
const VERSIONS: readonly TlsVersion[] = [NEWEST_VERSION, "1.2", "1.1", "1.0"];

/**
 * Tries the places of one listener. What the first one's handshakes have settled is settled for all;
 * what the service itself said, each place is asked for.
 * @param others the other listeners of the run
 */
export async function tryListener(
  trial: Trial,
  places: readonly Place[],
  others: readonly Other[],
): Promise<Tried[]> {
  const tried: Tried[] = [];
  const left = [...places];
  let lead: readonly Round[] = [];
  // until one has served valid clients: only then are the others' handshakes settled
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const one = await tryPlace(trial, next, others, lead);
    tried.push(one);
    lead = [...lead, ...one.rounds];
    if (one.rounds.some(({ controls }) => controls.sound)) break;
  }
  const rest = await Promise.all(left.map((place) => tryPlace(trial, place, others, lead)));
  return [...tried, ...rest];
}

/**
 * Tries a place without TLS whose TLS served no valid client: what acceptance looks like is known from
 * the target that it is another port of.
 * @param like a round there, with sound controls
 */
export async function tryWithoutTls(
  trial: Trial,
  { place, rounds, interrupted }: Tried,
  like: Round,
): Promise<Tried> {
  const attacks = trial.attacks.filter(({ versions }) => versions.includes(null));
  if (interrupted || attacks.length === 0) return { place, rounds, interrupted };
  const plain = await plainRound({ ...trial, ...place, others: [], newest: newestVersion() }, attacks, like);
  return { place, rounds: [...rounds, plain], interrupted: !plain.complete };
}

async function tryPlace(
  { attacks, forgery, supplied, signal }: Trial,
  place: Place,
  others: readonly Other[],
  lead: readonly Round[],
): Promise<Tried> {
  const newest = newestVersion();
  const setup: RoundSetup = { ...place, forgery, supplied, others, newest, signal };
  const concerning = (version: TlsVersion | null) =>
    attacks.filter((attack) => attack.versions.includes(version));
  const leading = (version: TlsVersion | null) =>
    lead.find((round) => round.version === version && round.controls.sound);
  const made = await Promise.all(
    VERSIONS.filter(
      (version) => version === "1.3" || version === "1.2" || concerning(version).length > 0,
    ).map((version) =>
      unlessInterrupted(signal, async () => {
        try {
          return await tlsRound(setup, version, concerning(version), leading(version));
        } finally {
          if (version === NEWEST_VERSION) newest.tell(undefined);
        }
      }),
    ),
  );
  const rounds = made.filter((round) => round !== undefined);
  // the port is dead: every version says so
  const [round] = rounds;
  const dead = rounds.every(({ first }) => first?.trace.end === "unconnected");
  if (dead && round !== undefined) return { place, rounds: [round], interrupted: signal.aborted };
  const like = rounds.find(({ controls }) => controls.sound);
  if (like !== undefined && concerning(null).length > 0) {
    rounds.push(await plainRound(setup, concerning(null), like, leading(null)));
  }
  const complete = made.length === rounds.filter(({ version }) => version !== null).length;
  return { place, rounds, interrupted: !complete || rounds.some(({ complete: done }) => !done) };
}
