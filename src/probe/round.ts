import { type Certificate, parseCertificate } from "../pki/verify/certificate.ts";
import { FleetsecError } from "../errors.ts";
import type { Attack, Attempt, Plan, Scene } from "./attack.ts";
import { presenting } from "./attack.ts";
import type { Endpoint, Meet } from "./endpoint.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import {
  agree,
  type Controls,
  type Encounter,
  type Judgement,
  judgeAttempt,
  judgeControl,
  type Setting,
} from "./verdict.ts";
import { familiesFor, type KeyFamily } from "./key-family.ts";
import { withoutCertificate } from "./wire/attempt.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** What a round is made with. */
export interface RoundSetup {
  readonly endpoint: Endpoint;
  readonly meet: Meet;
  readonly forgery: Forgery;
  /** Identities that the user supplied, by attack. */
  readonly supplied: ReadonlyMap<string, Identity>;
  readonly signal: AbortSignal;
}

/** Control, attacks, control again: on one TLS version of one endpoint. */
export interface Round {
  readonly version: TlsVersion | null;
  /** The first contact of the valid client; undefined without TLS. */
  readonly first: Encounter | undefined;
  /** The judgements of the valid client, before and after; empty without TLS. */
  readonly control: readonly Judgement[];
  readonly controls: Controls;
  readonly tried: readonly TriedAttack[];
  /** Nothing was left out because of an interruption. */
  readonly complete: boolean;
}

/** What became of one attack: its clients, or why there were none. */
export interface TriedAttack {
  readonly attack: Attack;
  readonly plan: Plan;
  /** As far as they were made, in the order of the plan. */
  readonly judged: readonly (Met & { readonly judgement: Judgement })[];
}

/** One attempt's connection. */
export interface Met {
  readonly attempt: Attempt;
  readonly encounter: Encounter;
  /** Why the attempt could not be made: the encounter is what should have led to it. */
  readonly unmade?: string;
}

/** @param attacks those that concern this version */
export async function tlsRound(
  setup: RoundSetup,
  version: TlsVersion,
  attacks: readonly Attack[],
): Promise<Round> {
  const setting = settingOf(setup.endpoint, version);
  const judge = (encounter: Encounter) => judgeControl(encounter, setting);
  const first = await firstControl(setup, version);
  const judgement = judge(first);
  const good = judgement.outcome === "accepted";
  // without a ServerHello there is nothing to be learnt; a retired version matters only if clients can use it
  const pointless = first.trace.seen.version !== version || (isRetired(version) && !good);
  if (pointless) {
    const controls: Controls = { good: [], sound: false };
    return { version, first, control: [judgement], controls, tried: [], complete: true };
  }
  const scene = sceneOf(setup, first, version);
  const before: Controls = { good: good ? [first] : [], sound: false };
  const met = await attackAll(setup, attacks, scene, version, before, first);
  const second = await unlessInterrupted(setup.signal, () => control(setup, version, scene.families, first));
  const judgements = [judgement, ...(second === undefined ? [] : [judge(second)])];
  const encounters = [first, ...(second === undefined ? [] : [second])];
  const sound = controlsOf(encounters, judgements, setting);
  const controls = { ...sound, ticketsToAll: ticketsToAll(met, sound, setting) };
  return {
    version,
    first,
    control: judgements,
    controls,
    tried: met.map((one) => judgeAll(one, controls, setting)),
    complete: second !== undefined && !setup.signal.aborted,
  };
}

/** Without TLS there is no control of its own: the answers of a TLS round say what acceptance looks like. */
export async function plainRound(setup: RoundSetup, attacks: readonly Attack[], like: Round): Promise<Round> {
  const { controls } = like;
  const [first] = controls.good;
  if (first === undefined) {
    return { version: null, first: undefined, control: [], controls, tried: [], complete: true };
  }
  const scene: Scene = { forgery: setup.forgery, families: [], serverCertificates: [] };
  const met = await attackAll(setup, attacks, scene, null, controls, first);
  const setting = settingOf(setup.endpoint, undefined);
  return {
    version: null,
    first: undefined,
    control: [],
    controls,
    tried: met.map((one) => judgeAll(one, controls, setting)),
    complete: !setup.signal.aborted,
  };
}

/** TLS 1.3 lets a server give tickets before it judges the client: a refused one that has some shows it. */
function ticketsToAll(attacks: readonly MetAttack[], controls: Controls, setting: Setting): boolean {
  return attacks.some(({ met }) =>
    met.some(
      (one) => one.encounter.trace.seen.tickets > 0 && judgeMet(one, controls, setting).outcome === "refused",
    ),
  );
}

function settingOf({ protocol, canary }: Endpoint, version: TlsVersion | undefined): Setting {
  return { layer: protocol.layer, maySayNothing: protocol.maySayNothing, canary, version };
}

function isRetired(version: TlsVersion): boolean {
  return version === "1.0" || version === "1.1";
}

/**
 * The first look at the server. Where it lists no key family of the control's, and another can be
 * issued, the control is made again.
 */
async function firstControl(setup: RoundSetup, version: TlsVersion): Promise<Encounter> {
  const first = await control(setup, version, [], undefined);
  const { request, clientCertificates } = first.trace.seen;
  const dropped = clientCertificates?.length === 0 && request !== undefined;
  return dropped ? control(setup, version, familiesFor(request, version), undefined) : first;
}

async function control(
  { meet, forgery }: RoundSetup,
  version: TlsVersion,
  families: readonly KeyFamily[],
  like: Encounter | undefined,
): Promise<Encounter> {
  const identity = await forgery.controlIn(families);
  return meet({ version, identity, control: true, like: like?.trace });
}

function sceneOf({ forgery }: RoundSetup, { trace }: Encounter, version: TlsVersion): Scene {
  const { request, serverCertificates } = trace.seen;
  return {
    forgery,
    families: request === undefined ? ["p256"] : familiesFor(request, version),
    serverCertificates: serverCertificates.flatMap(readable),
  };
}

/** A server's certificate that we cannot read says nothing. */
function readable(der: Uint8Array): Certificate[] {
  try {
    return [parseCertificate(der, "server certificate")];
  } catch (error) {
    if (error instanceof FleetsecError) return [];
    throw error;
  }
}

function controlsOf(
  encounters: readonly Encounter[],
  judgements: readonly Judgement[],
  setting: Setting,
): Controls {
  const good = encounters.filter((_, i) => judgements[i]?.outcome === "accepted");
  const [first, second] = good;
  return { good, sound: first !== undefined && second !== undefined && agree(first, second, setting) };
}

interface MetAttack {
  readonly attack: Attack;
  readonly plan: Plan;
  readonly met: Met[];
}

async function attackAll(
  setup: RoundSetup,
  attacks: readonly Attack[],
  scene: Scene,
  version: TlsVersion | null,
  controls: Controls,
  first: Encounter,
): Promise<MetAttack[]> {
  const setting = settingOf(setup.endpoint, version ?? undefined);
  const meetAttempt = (attempt: Attempt) => meetOne(setup, version, attempt, first);
  const isAccepted = (met: Met) => judgeMet(met, controls, setting).outcome === "accepted";
  const all = await Promise.all(
    attacks.map(async (attack): Promise<MetAttack> => {
      const plan = await planOf(setup, attack, scene);
      const met: Met[] = [];
      await unlessInterrupted(setup.signal, async () => {
        for (const attempt of "attempts" in plan ? plan.attempts : []) {
          met.push(await meetAttempt(attempt));
          // one that is accepted says it all
          if (met.some(isAccepted)) break;
        }
      });
      return { attack, plan, met };
    }),
  );
  await unlessInterrupted(setup.signal, () => repeatAlone(all, meetAttempt));
  return all;
}

/** Makes an attempt's connection, and before it the one whose session it resumes. */
async function meetOne(
  { meet }: RoundSetup,
  version: TlsVersion | null,
  attempt: Attempt,
  first: Encounter,
): Promise<Met> {
  const { wire, identity } = attempt;
  const client = { version, identity, control: false, like: first.trace };
  if (wire?.attempt.resumes === undefined) return { attempt, encounter: await meet({ ...client, wire }) };
  const before = await meet({ ...client, wire: { attempt: withoutCertificate, identity: undefined } });
  const session = before.trace.sessions.at(-1);
  if (session === undefined) return { attempt, encounter: before, unmade: "no session was given to resume" };
  return { attempt, encounter: await meet({ ...client, wire, session }) };
}

function judgeMet({ attempt, encounter, unmade }: Met, controls: Controls, setting: Setting): Judgement {
  const judgement = judgeAttempt(encounter, attempt.presented, controls, setting);
  // where not even that connection could be made, its own judgement says so
  const led = encounter.trace.flight?.sent === true;
  return unmade !== undefined && led
    ? { outcome: "not-applicable", layer: "tls", evidence: unmade }
    : judgement;
}

/** A server that serves one client at a time lets the others wait: those are tried again, one by one. */
async function repeatAlone(
  all: readonly MetAttack[],
  meetAttempt: (attempt: Attempt) => Promise<Met>,
): Promise<void> {
  for (const { met } of all) {
    for (const [i, one] of met.entries()) {
      if (!waitedInVain(one.encounter)) continue;
      const again = await meetAttempt(one.attempt);
      met[i] = again;
      // it is not the others that it waited for
      if (waitedInVain(again.encounter)) return;
    }
  }
}

function waitedInVain({ trace }: Encounter): boolean {
  return trace.error === "timeout" || (trace.end === "open" && !trace.established);
}

async function planOf({ supplied }: RoundSetup, attack: Attack, scene: Scene): Promise<Plan> {
  const identity = supplied.get(attack.id);
  return identity === undefined ? attack.plan(scene) : { attempts: [presenting(identity, "as supplied")] };
}

function judgeAll({ attack, plan, met }: MetAttack, controls: Controls, setting: Setting): TriedAttack {
  return {
    attack,
    plan,
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
