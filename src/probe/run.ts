import type { Attack, Other } from "./attack.ts";
import { attacks as battery } from "./attacks.ts";
import type { Platform } from "../platform/platform.ts";
import type { Outside } from "./client.ts";
import { connections } from "./connections.ts";
import type { Connect } from "./exchange.ts";
import { conclude } from "./conclude.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import { type Limit, limit, turnByTurn, within } from "./limit.ts";
import { type Trial, type Tried, tryListener, tryWithoutTls } from "./listener.ts";
import type { LeftOut } from "./openapi/operations.ts";
import {
  byListener,
  type OnProgress,
  type Place,
  placesOf,
  type Reach,
  serversWith,
  sessionsFrom,
} from "./place.ts";
import { selectionOf } from "./selection.ts";
import {
  type EndpointResult,
  type ProbeResult,
  standingOf,
  summaryOf,
  type UnreachableAddress,
} from "./result.ts";
import type { Target } from "./target.ts";

export interface ProbeRequest extends Reach {
  /** At least one. */
  readonly targets: readonly Target[];
  /** The targets of the other shards: they are not judged here, but their sessions and names are tried at these. */
  readonly elsewhere: readonly Target[];
  /** What was to be probed, and cannot be; the result names it. */
  readonly leftOut: readonly LeftOut[];
  /** Those to run, of the battery; the others are listed as not run. */
  readonly attacks: readonly Attack[];
  readonly forgery: Forgery;
  /** Identities that the user supplied, by attack. */
  readonly supplied: ReadonlyMap<string, Identity>;
  /** What is told of the certificates that the user gave: use and SHA-256 of each. */
  readonly certificates: readonly string[];
  /** Of fleetsec. */
  readonly version: string;
  /** Connections at one time; undefined for what is bearable for each server, and for this machine. */
  readonly concurrency: number | undefined;
  /** Milliseconds from one connection's start to the next one's, at least. */
  readonly delay: number;
}

/**
 * Tries every target at every address of its name. An interruption ends the run early, with what is
 * known by then.
 */
export async function probe(
  request: ProbeRequest,
  outside: Outside & Pick<Platform, "threads">,
  onProgress: OnProgress,
): Promise<ProbeResult> {
  const { connect, close } = connections(
    request.targets.length + request.elsewhere.length,
    request.delay,
    outside,
  );
  try {
    return await probeWith(request, outside, connect, onProgress);
  } finally {
    await close();
  }
}

async function probeWith(
  request: ProbeRequest,
  outside: Outside,
  connect: Connect,
  onProgress: OnProgress,
): Promise<ProbeResult> {
  const serverAt = serversWith(limits(request));
  const placesOfEach = async (targets: readonly Target[]) =>
    Promise.all(targets.map((target) => placesOf(target, request, outside, connect, serverAt, onProgress)));
  const [places, placesElsewhere] = await Promise.all([
    placesOfEach(request.targets),
    placesOfEach(request.elsewhere),
  ]);
  const own = new Set(places.flat());
  // a listener with a place of its own here begins with that one
  const listeners = byListener([...own, ...placesElsewhere.flat()]).map((listener) => ({
    listener: listener.filter((place) => own.has(place)),
    other: otherOf(listener),
  }));
  const trial = { ...request, signal: outside.signal };
  const tried = await Promise.all(
    listeners.map(({ listener }, i) =>
      // each begins with its neighbour: where all asked the same one for a session, none could be lent twice
      tryListener(
        trial,
        listener,
        [...listeners.slice(i + 1), ...listeners.slice(0, i)].map(({ other }) => other),
      ),
    ),
  );
  const complete = await withPlainSiblings(trial, tried.flat());
  const byPlace = new Map(complete.map((one) => [one.place, one]));
  const found = request.targets.map((target, i) =>
    resultOf(
      request,
      target,
      (places[i] ?? []).flatMap((place) => byPlace.get(place) ?? []),
    ),
  );
  const endpoints = found.flatMap((one) => one.endpoints);
  const result = {
    summary: summaryOf(endpoints),
    endpoints,
    unreachable: found.flatMap((one) => one.unreachable),
    leftOut: request.leftOut,
    interrupted: outside.signal.aborted,
    selection: selectionOf(request),
  };
  return { ok: standingOf({ ok: false, ...result }) === "passed", ...result };
}

/** A sibling port without TLS may serve everybody what its target serves to valid clients. */
async function withPlainSiblings(trial: Trial, tried: readonly Tried[]): Promise<Tried[]> {
  const soundOf = ({ rounds }: Tried) => rounds.find(({ controls }) => controls.sound);
  return Promise.all(
    tried.map(async (one) => {
      const { siblingOf } = one.place.endpoint.target;
      if (siblingOf === undefined || refusesTcp(one) || soundOf(one) !== undefined) return one;
      const mains = tried.filter(({ place }) => place.endpoint.target.url === siblingOf);
      const like = mains.map(soundOf).find((round) => round !== undefined);
      return like === undefined ? one : tryWithoutTls(trial, one, like);
    }),
  );
}

/** Connections at one time, to each server and to all of them. */
const TO_ONE = 8;
const TO_ALL = 32;

/** @returns the bound for one more server */
function limits({ concurrency }: ProbeRequest): () => Limit {
  const all = within(limit(concurrency ?? TO_ALL), turnByTurn());
  return () => (concurrency === undefined ? within(limit(TO_ONE), all) : all);
}

/** A listener as the others see it, by way of its first place. */
function otherOf([place]: readonly [Place, ...Place[]]): Other {
  const { endpoint, meet } = place;
  return { target: endpoint.target, address: endpoint.address, session: sessionsFrom(meet) };
}

interface TargetResult {
  readonly endpoints: readonly EndpointResult[];
  readonly unreachable: readonly UnreachableAddress[];
}

/** @param tried each address of the target's name */
function resultOf(request: ProbeRequest, target: Target, tried: readonly Tried[]): TargetResult {
  const others = battery.filter(({ id }) => request.attacks.every((attack) => attack.id !== id));
  const { siblingOf, serverName } = target;
  const where = (address: string) => ({
    target: target.url,
    address,
    ...(serverName === undefined ? {} : { serverName }),
    ...(siblingOf === undefined ? {} : { siblingOf }),
  });
  if (tried.length === 0) {
    const nowhere = conclude(where(target.host), request.attacks, others, []);
    const reasons = [`${target.host} does not resolve`];
    return { endpoints: [{ ...nowhere, reasons, doubts: reasons }], unreachable: [] };
  }
  const refusing = tried.filter(refusesTcp);
  // nobody was promised at a sibling port
  const mayRefuse = siblingOf !== undefined || refusing.length < tried.length;
  const isUnreachable = (one: Tried) => mayRefuse && refusing.includes(one);
  return {
    endpoints: tried
      .filter((one) => !isUnreachable(one))
      .map(({ place: { endpoint }, rounds, interrupted }) =>
        conclude(where(endpoint.address), request.attacks, others, rounds, interrupted),
      ),
    unreachable: tried.filter(isUnreachable).map(({ place: { endpoint }, rounds }) => ({
      target: target.url,
      address: endpoint.address,
      ...(siblingOf === undefined ? {} : { siblingOf }),
      reason: rounds[0]?.first?.trace.error ?? "",
    })),
  };
}

/** Nobody listens at that address, as for `localhost` at ::1. An address that no route leads to is another matter. */
function refusesTcp({ place: { endpoint }, rounds }: Tried): boolean {
  const { address } = endpoint;
  const { end, error } = rounds[0]?.first?.trace ?? {};
  const isLoopback = address === "::1" || address.startsWith("127.");
  return end === "unconnected" && (error === "ECONNREFUSED" || (isLoopback && error !== "timeout"));
}
