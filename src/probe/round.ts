import { type Certificate, isSelfIssued, parseCertificate } from "../pki/verify/certificate.ts";
import { FleetsecError } from "../errors.ts";
import type { Attack, Scene } from "./attack.ts";
import { attackAll } from "./attack-all.ts";
import { isHungUpOn } from "./evidence.ts";
import type { Trace } from "./exchange.ts";
import { type Client, type Endpoint, serverNameOf } from "./endpoint.ts";
import { agree, judgeControl } from "./verdict/control.ts";
import type { Controls, Encounter, Judgement, Setting } from "./verdict/judgement.ts";
import { unlessInterrupted } from "./interruption.ts";
import { familiesFor, type KeyFamily } from "./key-family.ts";
import { judgeMet } from "./own-control.ts";
import { pulseOf } from "./pulse.ts";
import { waitedInVain } from "./repeat.ts";
import { judgeAll, type MetAttack, type RoundSetup, type TriedAttack } from "./tried.ts";
import type { TlsVersion } from "./wire/versions.ts";

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

/**
 * @param attacks those that concern this version
 * @param lead a round on another endpoint of the same listener, with sound controls
 */
export async function tlsRound(
  setup: RoundSetup,
  version: TlsVersion,
  attacks: readonly Attack[],
  lead?: Round,
): Promise<Round> {
  const setting = settingOf(setup.endpoint, version);
  const judge = (encounter: Encounter) => advising(judgeControl(encounter, setting), encounter.trace);
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
  const pulse = pulseOf(setup, first, good, {
    beside: async () => control(setup, version, scene.families, first),
    alone: async () => control({ ...setup, meet: setup.alone }, version, scene.families, undefined),
  });
  const signal = AbortSignal.any([setup.signal, pulse.signal]);
  const met = await attackAll({ ...setup, meet: pulse.meet, alone: pulse.alone, signal }, attacks, {
    scene,
    version,
    controls: before,
    first,
    setting,
    lead: lead?.tried,
  });
  const lost = pulse.lost();
  const second =
    lost?.control ??
    (await unlessInterrupted(setup.signal, () =>
      lastControl(setup, scene.families, version, first, shownOutAfter(met, setting)),
    ));
  const judgements = [judgement, ...(second === undefined ? [] : [judge(second)])];
  const encounters = [first, ...(second === undefined ? [] : [second])];
  const sound = controlsOf(encounters, judgements, setting);
  const controls = { ...sound, ticketsToAll: ticketsToAll(met, sound, setting) };
  return {
    version,
    first,
    control: judgements,
    controls,
    tried: met.map((one) => judgeAll(one, controls, setting, lost?.reason)),
    complete: second !== undefined && !setup.signal.aborted,
  };
}

/** Without TLS there is no control of its own: the answers of a TLS round say what acceptance looks like. */
export async function plainRound(
  setup: RoundSetup,
  attacks: readonly Attack[],
  like: Round,
  lead?: Round,
): Promise<Round> {
  const { controls } = like;
  const [first] = controls.good;
  if (first === undefined) {
    return { version: null, first: undefined, control: [], controls, tried: [], complete: true };
  }
  const setting = settingOf(setup.endpoint, undefined);
  const met = await attackAll(setup, attacks, {
    scene: sceneOf(setup, first, null),
    version: null,
    controls,
    first,
    setting,
    lead: lead?.tried,
  });
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

const ALONE =
  "its certificate was sent alone; where an intermediate CA issued it, send the chain too: --client-cert with bundle.pem, or the chain behind the certificate";

/** The most usual reason for which a server refuses a valid client is told beside it. */
function advising(judgement: Judgement, trace: Trace): Judgement {
  const { outcome, evidence } = judgement;
  const turnedAway = outcome === "refused" || (outcome === "inconclusive" && trace.end !== "open");
  return turnedAway && isAlone(trace) ? { ...judgement, evidence: `${evidence}; ${ALONE}` } : judgement;
}

/** One certificate was sent, and its issuer is none of the CAs that the server says it knows. */
function isAlone({ untrusted, seen: { request, clientCertificates = [] } }: Trace): boolean {
  const [der, ...chain] = clientCertificates;
  if (der === undefined || chain.length > 0 || untrusted !== undefined) return false;
  const [leaf] = readable(der);
  if (leaf === undefined || isSelfIssued(leaf)) return false;
  return request?.authorities.every((name) => Buffer.compare(name, leaf.issuer.der) !== 0) === true;
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

/**
 * A server that is busy with other versions' attacks may let it wait: then it is made again, alone.
 * @param closes milliseconds after which some were hung up on: it stays at least as long, to see that it is not
 */
async function lastControl(
  setup: RoundSetup,
  families: readonly KeyFamily[],
  version: TlsVersion,
  first: Encounter,
  closes: number | undefined,
): Promise<Encounter> {
  const ms = closes === undefined ? undefined : { established: closes, total: closes };
  const by = ({ meet }: Pick<RoundSetup, "meet">) => ({
    ...setup,
    meet: async (client: Client) =>
      ms === undefined ? meet(client) : meet({ ...client, ms, awaitsClose: true }),
  });
  const met = await control(by(setup), version, families, first);
  return waitedInVain(met) ? control(by({ meet: setup.alone }), version, families, first) : met;
}

/** How long it took until the last client was hung up on that was told something by a service of which nothing is known. */
function shownOutAfter(attacks: readonly MetAttack[], { maySayNothing }: Setting): number | undefined {
  const encounters = attacks.flatMap(({ met }) => met.map(({ encounter }) => encounter));
  const times = encounters.flatMap(({ answer, trace }) =>
    maySayNothing && answer !== undefined && isHungUpOn(trace) ? [trace.ms.total] : [],
  );
  return times.length === 0 ? undefined : Math.max(...times);
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

function sceneOf(
  { forgery, endpoint, others }: RoundSetup,
  { trace }: Encounter,
  version: TlsVersion | null,
): Scene {
  const { request, serverCertificates } = trace.seen;
  const asked = version === null || request === undefined ? undefined : familiesFor(request, version);
  return {
    forgery,
    families: asked ?? ["p256"],
    serverCertificates: serverCertificates.flatMap(readable),
    target: endpoint.target,
    address: endpoint.address,
    serverName: serverNameOf(endpoint.target),
    others,
    protocol: endpoint.protocol,
    version,
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
