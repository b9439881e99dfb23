import { FleetsecError } from "../errors.ts";
import type { Address } from "../platform/network.ts";
import type { Borrowed, Other } from "./attack.ts";
import type { Outside } from "./client.ts";
import { type Endpoint, type Meet, meeting } from "./endpoint.ts";
import { serverAlert } from "./evidence.ts";
import type { Connect, Resumable } from "./exchange.ts";
import { type Limit, type Turns, turns } from "./limit.ts";
import { protocolFor } from "./protocols.ts";
import { hostPort, type Target } from "./target.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** A target at one of its addresses, and the way to it. */
export interface Place {
  readonly endpoint: Endpoint;
  readonly meet: Meet;
  /** The same with nobody else at that address and port: a server may serve one client at a time. */
  readonly alone: Meet;
}

/** How places are found and reached. */
export interface Reach {
  /** Addresses to use in place of those that a target's HOST:PORT resolves to. */
  readonly addresses: ReadonlyMap<string, readonly Address[]>;
  /** Trusted for servers, PEM. */
  readonly serverCa: readonly string[];
  /** Text that only an accepted client sees. */
  readonly canary: string | undefined;
  /** Upper bound of each step, in milliseconds. */
  readonly timeout: number | undefined;
}

/** Called as connections are made. */
export type OnProgress = (progress: { readonly target: string; readonly connections: number }) => void;

/** One place for each address of the target's name; none where it does not resolve. */
export async function placesOf(
  target: Target,
  { addresses, serverCa, canary, timeout }: Reach,
  outside: Outside,
  connect: Connect,
  serverAt: ServerAt,
  onProgress: OnProgress,
): Promise<Place[]> {
  const found = addresses.get(hostPort(target)) ?? (await addressesOf(target, outside));
  return found.map(({ address }) => {
    const endpoint: Endpoint = { target, address, protocol: protocolFor(target), serverCa, canary, timeout };
    const { limited, together, alone } = serverAt(address, target.port);
    const meet = counted(meeting(endpoint, connect, outside, limited), target.url, onProgress);
    return {
      endpoint,
      meet: (client) => together(() => meet(client)),
      alone: (client) => alone(() => meet(client)),
    };
  });
}

/** How connections to one server wait for each other. */
interface Server extends Turns {
  readonly limited: Limit;
}

export type ServerAt = (address: string, port: number) => Server;

/** Each port of each address is one server, whoever asks it. */
export function serversWith(limitOfOne: () => Limit): ServerAt {
  const servers = new Map<string, Server>();
  return (address, port) => {
    const key = `${address} ${port}`;
    const server = servers.get(key) ?? { limited: limitOfOne(), ...turns() };
    servers.set(key, server);
    return server;
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

function counted(meet: Meet, target: string, onProgress: OnProgress): Meet {
  let connections = 0;
  return async (client) => {
    connections += 1;
    onProgress({ target, connections });
    return meet(client);
  };
}

/** The places of one listener: all that tells them apart is what is asked after the handshake. */
export function byListener(places: readonly Place[]): [Place, ...Place[]][] {
  const listeners = new Map<string, [Place, ...Place[]]>();
  for (const place of places) {
    const { target, address, protocol } = place.endpoint;
    const { port, host, serverName, scheme } = target;
    const key = JSON.stringify([address, port, host, serverName, scheme, protocol.alpn]);
    const known = listeners.get(key);
    if (known === undefined) listeners.set(key, [place]);
    else known.push(place);
  }
  return [...listeners.values()];
}

/**
 * Sessions that clients of an identity are given, each handed out once: some servers take them once. One that
 * comes back was passed over, and serves for the next.
 */
export function sessionsFrom(meet: Meet): Other["session"] {
  const nobody = {};
  const pools = new Map<TlsVersion, Map<object, Resumable[] | "none">>();
  return async (version, identity) => {
    const owned = pools.get(version) ?? new Map<object, Resumable[] | "none">();
    pools.set(version, owned);
    const owner = identity ?? nobody;
    const pool = owned.get(owner) ?? [];
    if (pool === "none") return undefined;
    owned.set(owner, pool);
    const lent = (one: Resumable): Borrowed => ({ session: one, giveBack: () => void pool.push(one) });
    const kept = pool.pop();
    if (kept !== undefined) return lent(kept);
    const { trace } = await meet({ version, identity, control: false, like: undefined });
    const [session, ...more] = trace.sessions;
    pool.push(...more);
    // one that was merely cut off may give some to the next client
    const isDecided = serverAlert(trace) !== undefined || trace.established;
    if (session === undefined && isDecided) owned.set(owner, "none");
    return session && lent(session);
  };
}
