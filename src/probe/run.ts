import { FleetsecError } from "../errors.ts";
import type { Address } from "../platform/network.ts";
import type { Attack } from "./attack.ts";
import { attacks as battery } from "./attacks.ts";
import type { Outside } from "./client.ts";
import { conclude } from "./conclude.ts";
import { type Endpoint, type Meet, meeting } from "./endpoint.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import { type Limit, limit } from "./limit.ts";
import type { LeftOut } from "./openapi/operations.ts";
import { protocolFor } from "./protocols.ts";
import type { EndpointResult, ProbeResult, UnreachableAddress, Verdict } from "./result.ts";
import { plainRound, type Round, type RoundSetup, tlsRound, unlessInterrupted } from "./round.ts";
import { hostPort, type Target } from "./target.ts";
import type { TlsVersion } from "./wire/versions.ts";

export interface ProbeRequest {
  /** At least one. */
  readonly targets: readonly Target[];
  /** What was to be probed, and cannot be; the result names it. */
  readonly leftOut: readonly LeftOut[];
  /** Those to run, of the battery; the others are listed as not run. */
  readonly attacks: readonly Attack[];
  readonly forgery: Forgery;
  /** Identities that the user supplied, by attack. */
  readonly supplied: ReadonlyMap<string, Identity>;
  /** Trusted for servers, PEM. */
  readonly serverCa: readonly string[];
  /** Addresses to use in place of those that a target's HOST:PORT resolves to. */
  readonly addresses: ReadonlyMap<string, readonly Address[]>;
  /** Text that only an accepted client sees. */
  readonly canary: string | undefined;
  /** Upper bound of each step, in milliseconds. */
  readonly timeout: number | undefined;
  /** Connections at one time. */
  readonly concurrency: number;
}

/** Called as connections are made. */
export type OnProgress = (progress: { readonly target: string; readonly connections: number }) => void;

/** Newest first: it is the one that most clients use. */
const VERSIONS: readonly TlsVersion[] = ["1.3", "1.2", "1.1", "1.0"];

/**
 * Tries every target at every address of its name. An interruption ends the run early, with what is
 * known by then.
 */
export async function probe(
  request: ProbeRequest,
  outside: Outside,
  onProgress: OnProgress,
): Promise<ProbeResult> {
  const limited = limit(request.concurrency);
  const found = await Promise.all(
    request.targets.map((target) => probeTarget(request, target, outside, limited, onProgress)),
  );
  const endpoints = found.flatMap((one) => one.endpoints);
  const count = (verdict: Verdict) => endpoints.filter((endpoint) => endpoint.verdict === verdict).length;
  const summary = {
    enforced: count("enforced"),
    bypassed: count("bypassed"),
    inconclusive: count("inconclusive"),
  };
  return {
    ok: summary.enforced > 0 && summary.bypassed === 0 && summary.inconclusive === 0,
    summary,
    endpoints,
    unreachable: found.flatMap((one) => one.unreachable),
    leftOut: request.leftOut,
    interrupted: outside.signal.aborted,
  };
}

interface TargetResult {
  readonly endpoints: readonly EndpointResult[];
  readonly unreachable: readonly UnreachableAddress[];
}

async function probeTarget(
  request: ProbeRequest,
  target: Target,
  outside: Outside,
  limited: Limit,
  onProgress: OnProgress,
): Promise<TargetResult> {
  const others = battery.filter((attack) => !request.attacks.includes(attack));
  const addresses = request.addresses.get(hostPort(target)) ?? (await addressesOf(target, outside));
  if (addresses.length === 0) {
    const nowhere = conclude({ target: target.url, address: target.host }, request.attacks, others, []);
    const reasons = [`${target.host} does not resolve`];
    return { endpoints: [{ ...nowhere, reasons, doubts: reasons }], unreachable: [] };
  }
  const results = await Promise.all(
    addresses.map(async ({ address }) => {
      const rounds = await probeAddress(request, target, address, outside, limited, onProgress);
      const where = { target: target.url, address };
      return { rounds, result: conclude(where, request.attacks, others, rounds, outside.signal.aborted) };
    }),
  );
  const refusing = results.filter(({ rounds, result }) => refusesTcp(rounds, result.address));
  if (refusing.length === results.length)
    return { endpoints: results.map(({ result }) => result), unreachable: [] };
  return {
    endpoints: results.filter((one) => !refusing.includes(one)).map(({ result }) => result),
    unreachable: refusing.map(({ rounds, result: { address } }) => ({
      target: target.url,
      address,
      reason: rounds[0]?.first?.trace.error ?? "",
    })),
  };
}

async function addressesOf({ host }: Target, { network }: Outside): Promise<readonly Address[]> {
  try {
    return await network.lookup(host);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "unreachable") return [];
    throw error;
  }
}

/** Nobody listens at that address, as for `localhost` at ::1. An address that no route leads to is another matter. */
function refusesTcp(rounds: readonly Round[], address: string): boolean {
  const [first] = rounds;
  const { end, error } = first?.first?.trace ?? {};
  const isLoopback = address === "::1" || address.startsWith("127.");
  return end === "unconnected" && (error === "ECONNREFUSED" || (isLoopback && error !== "timeout"));
}

async function probeAddress(
  request: ProbeRequest,
  target: Target,
  address: Address["address"],
  outside: Outside,
  limited: Limit,
  onProgress: OnProgress,
): Promise<Round[]> {
  const { attacks, forgery, supplied, serverCa, canary, timeout } = request;
  const endpoint: Endpoint = { target, address, protocol: protocolFor(target), serverCa, canary, timeout };
  const setup: RoundSetup = {
    endpoint,
    meet: counted(meeting(endpoint, outside, limited), target.url, onProgress),
    forgery,
    supplied,
    signal: outside.signal,
  };
  const rounds: Round[] = [];
  const concerning = (version: TlsVersion | null) =>
    attacks.filter((attack) => attack.versions.includes(version));
  for (const version of VERSIONS) {
    if (version === "1.2" || version === "1.3" || concerning(version).length > 0) {
      const round = await unlessInterrupted(outside.signal, () =>
        tlsRound(setup, version, concerning(version)),
      );
      if (round === undefined) break;
      rounds.push(round);
      // the port is dead: every version would say so again
      if (round.first?.trace.end === "unconnected") return rounds;
    }
  }
  const like = rounds.find(({ controls }) => controls.sound);
  if (like !== undefined && concerning(null).length > 0) {
    rounds.push(await plainRound(setup, concerning(null), like));
  }
  return rounds;
}

function counted(meet: Meet, target: string, onProgress: OnProgress): Meet {
  let connections = 0;
  return async (client) => {
    connections += 1;
    onProgress({ target, connections });
    return meet(client);
  };
}
