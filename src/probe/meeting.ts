import type { Answer } from "./answer.ts";
import type { Attack, Attempt, Before, Scene } from "./attack.ts";
import type { Meet } from "./endpoint.ts";
import type { Identity } from "./identities/identity.ts";
import { isHungUpOn, outlasts } from "./evidence.ts";
import { lateDenials, patiently, toTheClose } from "./late.ts";
import { judgeMet, withOwnControl } from "./own-control.ts";
import { isMereDenial, otherRequests, toldApart } from "./told-apart.ts";
import type { Met, RoundSetup, TriedAttack } from "./tried.ts";
import type { Controls, Encounter, Setting } from "./verdict/judgement.ts";
import { withoutCertificate } from "./wire/attempt.ts";
import type { TlsVersion } from "./wire/versions.ts";

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

/** Meets clients one by one, each with what has to be known beside it. */
export interface Meeting {
  meet(this: void, attack: Attack, attempt: Attempt, by?: Meet): Promise<Met>;
  isAccepted(this: void, met: Met): boolean;
  /** Whoever is served is answered here, and this one was neither answered nor turned away. */
  isUnanswered(this: void, met: Met): boolean;
}

/** What is known of other clients of the round. */
export interface KnownClients {
  /** What the client of a certificate is told that asks as the control does. */
  told(this: void, identity: Identity | undefined): Promise<Answer | undefined>;
  /** One that asked for another name, as another attack has met it. */
  byName(this: void, before: Before): Promise<Encounter | undefined>;
}

export function meetingOf(setup: RoundSetup, field: Field, known: KnownClients): Meeting {
  const { scene, version, controls, first, setting } = field;
  const valid = async (meet: Meet) => {
    const identity = await setup.forgery.controlIn(scene.families);
    return meet({ version, identity, control: true, like: first.trace });
  };
  const late = lateDenials(
    async () => valid(patiently(setup.meet)),
    (kept) => !isHungUpOn(kept),
  );
  // without TLS there is no valid client: the control had not been hung up on
  const shownOut = lateDenials(
    async () => (version === null ? first : valid(toTheClose(setup.meet))),
    (kept, hungUpOn) => version === null || outlasts(kept, hungUpOn),
  );
  const outcomeOf = (met: Met) => judgeMet(met, controls, setting).outcome;
  const isAccepted = (met: Met) => outcomeOf(met) === "accepted";
  return {
    async meet({ weight }, attempt, by = setup.meet) {
      const ask = async (meet: Meet) => {
        const asked = { ...setup, meet };
        const one = await meetOne(asked, version, attempt, first, known);
        const usual = attempt.smaller && (await known.told(attempt.identity));
        const met = await withOwnControl(asked, scene, one, { ...controls, sound: true }, setting, usual);
        return isMereDenial(met.encounter, controls) && isAccepted(met)
          ? besideValid(asked, field, met, known)
          : met;
      };
      const hasWaited = late.isKnown();
      const met = await ask(hasWaited ? patiently(by) : by);
      if (mayBeShownOut(met, { ...controls, sound: true }, setting))
        return shownOut.decisive(met, async () => ask(toTheClose(by)));
      // what is let in on purpose says nothing of those that are not
      const isDecided = weight === "reported" || met.encounter.answer !== undefined || !isAccepted(met);
      return isDecided || hasWaited ? met : late.decisive(met, async () => ask(patiently(by)));
    },
    isAccepted,
    isUnanswered: (met) =>
      first.answer !== undefined &&
      met.encounter.answer === undefined &&
      met.encounter.trace.end === "open" &&
      outcomeOf(met) === "inconclusive",
  };
}

/** A service of which nothing is known said something else than to valid clients: it may hang up next. */
function mayBeShownOut(met: Met, controls: Controls, setting: Setting): boolean {
  const { answer, trace } = met.encounter;
  const isLeft = setting.maySayNothing && answer !== undefined && trace.end === "open";
  return isLeft && judgeMet(met, controls, setting).outcome === "inconclusive";
}

/** The same, with how the service knows it from a valid client. */
async function besideValid(
  asked: RoundSetup,
  { scene, version, first }: Field,
  met: Met,
  known: KnownClients,
): Promise<Met> {
  const { attempt } = met;
  const own = scene.protocol.http;
  const { http = own } = attempt.protocol ?? scene.protocol;
  if (http === undefined || own === undefined || version === null) return met;
  const apart = await toldApart(otherRequests(own.request, scene.target), {
    stranger: async ({ request }) => {
      const other = { ...attempt, protocol: http.ask(request) };
      return (await meetOne(asked, version, other, first, known)).encounter;
    },
    valid: async ({ request }) => {
      const identity = await asked.forgery.controlIn(scene.families);
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
}

const NO_SESSION = "no session was given to resume";

/** Makes an attempt's connection, and before it the one whose session it resumes. */
async function meetOne(
  { meet }: RoundSetup,
  version: TlsVersion | null,
  attempt: Attempt,
  first: Encounter,
  { byName }: KnownClients,
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
  const { serverName } = resumes;
  const owner = {
    ...client,
    identity: resumes.identity,
    wire: wire && { attempt: withoutCertificate, identity: undefined },
    hello: serverName === undefined ? undefined : { serverName },
  };
  const before = (serverName === undefined ? undefined : await byName(resumes)) ?? (await meet(owner));
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
