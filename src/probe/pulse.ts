import type { Client, Meet } from "./endpoint.ts";
import type { Trace } from "./exchange.ts";
import { patiently } from "./late.ts";
import { limit } from "./limit.ts";
import type { Encounter } from "./verdict/judgement.ts";

/** What is known of whether a server still answers anybody, on one TLS version. */
export interface Pulse {
  /** Meets it while it does; rejects once it does not. Waits for those whom it denies late. */
  readonly meet: Meet;
  /** The same, with nobody beside the client. */
  readonly alone: Meet;
  /** Aborted once it does not. */
  readonly signal: AbortSignal;
  /** The valid client that waited in vain, and how it came to that; undefined while the server answers. */
  lost(): { readonly control: Encounter; readonly reason: string } | undefined;
}

/** So many clients may be under way: the valid client that looks after the server waits for no more. */
const AT_ONCE = 8;
/** So many in a row that are told nothing call for the valid client; more where it has been answered. */
const PATIENCE = 3;
const MOST_PATIENCE = 12;

/**
 * A server that has stopped answering would let every attack wait in vain, for minutes: after a few in a
 * row the valid client asks, and where that waits in vain as well, once more with nobody beside it.
 * A server may answer valid clients at once and deny others late, against guessing: the first of them that is
 * told nothing asks again with all the time there is, and the others are given what that one took. Where it
 * waits in vain, a valid client asks beside it: the first one's time may have been that of a busy machine of ours.
 * @param first the first control
 * @param wasServed whether that was accepted; what was silent from the beginning is asked once
 * @param ask how the valid client asks: beside others, and then alone and with all the time there is
 */
export function pulseOf(
  { meet, alone }: Pick<Pulse, "meet" | "alone">,
  first: Encounter,
  wasServed: boolean,
  ask: { readonly beside: () => Promise<Encounter>; readonly alone: () => Promise<Encounter> },
): Pulse {
  const given = new AbortController();
  const turn = limit(AT_ONCE);
  let [met, silences, patience] = [1, 0, PATIENCE];
  let check: Promise<void> | undefined;
  let found: ReturnType<Pulse["lost"]>;
  // once one was given all the time: whether it waited in vain, and how long the others may take
  let waited: Promise<{ readonly inVain: boolean; readonly ms: Trace["ms"] }> | undefined;
  const isSilent = (encounter: Encounter) => isUnanswered(encounter, wasServed ? first : undefined);

  async function look(): Promise<void> {
    const after = met;
    let control = await ask.beside();
    if (isSilent(control) && wasServed) control = await ask.alone();
    silences = 0;
    if (!isSilent(control)) {
      patience = Math.min(2 * patience, MOST_PATIENCE);
      return;
    }
    found = { control, reason: `the server stopped answering, after ${after} connections` };
    given.abort();
  }

  async function meetAgain(client: Client, hasty: Encounter): Promise<Encounter> {
    let patient: Encounter | undefined;
    waited ??= (async () => {
      met += 1;
      patient = await patiently(meet)(client);
      const { total } = patient.trace.ms;
      const inVain = isSilent(patient);
      return { inVain, ms: inVain ? await fastest() : { established: total, total } };
    })();
    const { ms, inVain } = await waited;
    if (patient !== undefined || inVain) return patient ?? hasty;
    met += 1;
    return meet({ ...client, ms });
  }

  async function fastest(): Promise<Trace["ms"]> {
    const [one, other] = [first, await ask.beside()];
    return isSilent(other) || other.trace.ms.total > one.trace.ms.total ? one.trace.ms : other.trace.ms;
  }

  const meetOne: Meet = async (client) => {
    const known = (await waited)?.ms;
    await check;
    given.signal.throwIfAborted();
    met += 1;
    const hasty = await meet({ ...client, ms: client.ms ?? known });
    const mayBeSlow = wasServed && known === undefined && isSilent(hasty) && wasHeard(hasty);
    const encounter = mayBeSlow && mayExpectAWord(client, hasty) ? await meetAgain(client, hasty) : hasty;
    if (!isSilent(encounter)) silences = 0;
    else if (mayExpectAWord(client, encounter)) silences += 1;
    if (silences >= patience && found === undefined) {
      check ??= look().finally(() => (check = undefined));
      await check;
    }
    return encounter;
  };
  return {
    meet: async (client) => turn(() => meetOne(client)),
    alone: async (client) => alone({ ...client, ms: client.ms ?? (await waited)?.ms }),
    signal: given.signal,
    lost: () => found,
  };
}

/** @param served a control that was: where it was told nothing itself, only the handshake can be missed */
function isUnanswered({ trace, answer }: Encounter, served: Encounter | undefined): boolean {
  if (answer !== undefined) return false;
  if (trace.error === "timeout" || (trace.end === "open" && !trace.established)) return true;
  return trace.end === "open" && !(served !== undefined && served.answer === undefined);
}

/** It came to ask, and was told nothing at all. */
function wasHeard({ trace: { established, asked, received } }: Encounter): boolean {
  return established && asked && received.length === 0;
}

/** Before TLS, and in the middle of a handshake of the raw client's, a sound server may wait for more. */
function mayExpectAWord({ wire, opening }: Client, { trace }: Encounter): boolean {
  return opening === undefined && (wire === undefined || trace.seen.version === undefined);
}
