import { isIP } from "node:net";
import { FleetsecError } from "../../errors.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { Address } from "../../platform/network.ts";
import { atPort, hostPort, type Target, withoutUser } from "../../probe/target.ts";
import type { ProbeFlags } from "./flags.ts";

/** What holds for the targets of one HOST:PORT, by that; "" stands for every target. */
interface Settings {
  readonly addresses: ReadonlyMap<string, readonly Address[]>;
  readonly serverNames: ReadonlyMap<string, string>;
  readonly siblingPorts: ReadonlyMap<string, readonly number[]>;
}

/** Targets with the names that they are asked for by, and the addresses that they are at. */
export interface Placed {
  readonly targets: readonly Target[];
  readonly addresses: ReadonlyMap<string, readonly Address[]>;
}

/**
 * Applies `--resolve`, `--servername` and `probe.hosts` to targets.
 * @param isConfigured whether these are all targets of the configuration
 * @throws FleetsecError `usage` or `config` for what is not in the right form, or names a HOST:PORT
 *   that no target has: a setting without effect would look like one that was tried
 */
export function placedTargets(
  targets: readonly Target[],
  flags: ProbeFlags,
  project: LoadedConfig | undefined,
  isConfigured: boolean,
): Placed {
  const given = flagSettings(flags);
  const configured = configSettings(project);
  const hosts = new Set(targets.map(hostPort));
  const siblings = targets.flatMap((target) => portsBeside(target, [given, configured]).map(hostPort));
  const known = { hosts, places: new Set([...hosts, ...siblings]) };
  const misnamed = withoutTarget(given, known);
  const idle = isConfigured ? withoutTarget(configured, known) : undefined;
  const hint = `there is ${[...hosts].slice(0, 5).join(", ")}${hosts.size > 5 ? ", …" : ""}`;
  if (misnamed !== undefined) throw new FleetsecError("usage", `no target is at ${misnamed}`, { hint });
  if (idle !== undefined) {
    throw new FleetsecError("config", `probe.hosts: no target is at ${idle}`, { hint });
  }
  const nameOf = (target: Target) =>
    given.serverNames.get(hostPort(target)) ??
    given.serverNames.get("") ??
    configured.serverNames.get(hostPort(target));
  return {
    targets: targets.map((target) => {
      const serverName = nameOf(target);
      return serverName === undefined || serverName === target.host ? target : { ...target, serverName };
    }),
    addresses: new Map([...configured.addresses, ...given.addresses]),
  };
}

/** Names and sibling ports are a target's; an address may be a sibling port's too. */
function withoutTarget(
  { addresses, serverNames, siblingPorts }: Settings,
  known: { readonly hosts: ReadonlySet<string>; readonly places: ReadonlySet<string> },
): string | undefined {
  return (
    [...serverNames.keys(), ...siblingPorts.keys()].find((key) => key !== "" && !known.hosts.has(key)) ??
    [...addresses.keys()].find((key) => !known.places.has(key))
  );
}

/** What a target is at the other ports that settings name. */
function portsBeside(target: Target, settings: readonly Pick<Settings, "siblingPorts">[]): Target[] {
  const ports = settings.flatMap(({ siblingPorts }) =>
    [hostPort(target), ""].flatMap((key) => siblingPorts.get(key) ?? []),
  );
  return [...new Set(ports)].map((port) => atPort(target, port));
}

/**
 * The targets, each followed by what it is at the other ports that `--sibling-port` and `probe.hosts`
 * name. A port that is a target of its own is no sibling.
 */
export function withSiblings(
  { targets, addresses }: Placed,
  flags: ProbeFlags,
  project: LoadedConfig | undefined,
): Placed {
  const settings = [flagSettings(flags), configSettings(project)];
  const all = new Map(targets.map((target) => [target.url, target]));
  const at = new Map(addresses);
  const ordered = targets.flatMap((target) => {
    const fresh = portsBeside(target, settings).filter(({ url }) => !all.has(url));
    for (const sibling of fresh) {
      all.set(sibling.url, sibling);
      const place = addresses.get(hostPort(sibling)) ?? addresses.get(hostPort(target));
      if (place !== undefined) at.set(hostPort(sibling), place);
    }
    return [target, ...fresh];
  });
  return { targets: ordered, addresses: at };
}

function flagSettings({ resolve = [], servername = [], siblingPort = [] }: ProbeFlags): Settings {
  return {
    addresses: addressesOf(resolve),
    serverNames: serverNamesOf(servername),
    siblingPorts: siblingPortsOf(siblingPort),
  };
}

function configSettings(project: LoadedConfig | undefined): Settings {
  const hosts = Object.entries(project?.config.probe.hosts ?? {}).map(
    ([key, settings]) => [key.toLowerCase(), settings] as const,
  );
  return {
    addresses: new Map(
      hosts.flatMap(([key, { addresses }]) =>
        addresses.length === 0 ? [] : [[key, addresses.map(addressOf)] as const],
      ),
    ),
    serverNames: new Map(
      hosts.flatMap(([key, { server_name: name }]) => (name === undefined ? [] : [[key, name] as const])),
    ),
    siblingPorts: new Map(
      hosts.flatMap(([key, { sibling_ports: ports }]) => (ports.length === 0 ? [] : [[key, ports] as const])),
    ),
  };
}

/** `HOST:PORT`, an IPv6 address in brackets. */
const HOST_PORT = String.raw`(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}`;
/** As curl writes it: an IPv6 address with or without brackets. */
const RESOLVE = new RegExp(String.raw`^(${HOST_PORT}):\[?([0-9A-Fa-f:.]{2,45})\]?$`);
const SERVER_NAME = new RegExp(`^(?:(${HOST_PORT}):)?([^:]*)$`);
const SIBLING_PORT = new RegExp(String.raw`^(?:(${HOST_PORT}):)?(\d{1,5}(?:,\d{1,5})*)$`);
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

function addressesOf(texts: readonly string[]): Map<string, Address[]> {
  const addresses = new Map<string, Address[]>();
  for (const text of texts) {
    const [, host, address] = RESOLVE.exec(text) ?? [];
    if (host === undefined || address === undefined || isIP(address) === 0) {
      throw new FleetsecError("usage", `--resolve is not HOST:PORT:ADDRESS: ${withoutUser(text)}`, {
        hint: "write it as --resolve gateway.example:8443:127.0.0.1",
      });
    }
    const key = host.toLowerCase();
    addresses.set(key, [...(addresses.get(key) ?? []), addressOf(address)]);
  }
  return addresses;
}

function addressOf(address: string): Address {
  return { address, family: isIP(address) === 6 ? 6 : 4 };
}

function serverNamesOf(texts: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const text of texts) {
    const [, host = "", written = ""] = SERVER_NAME.exec(text) ?? [];
    const name = written.toLowerCase();
    if (!DNS_NAME.test(name) || isIP(name) !== 0) {
      throw new FleetsecError("usage", `--servername is not [HOST:PORT:]NAME: ${withoutUser(text)}`, {
        hint: "write it as --servername gateway.example, or for one of several targets as --servername 10.0.0.7:8443:gateway.example",
      });
    }
    const key = host.toLowerCase();
    if ((names.get(key) ?? name) !== name) {
      throw new FleetsecError("usage", `--servername gives two names${key === "" ? "" : ` to ${key}`}`, {
        hint: "probe one address under two names by --resolve",
      });
    }
    names.set(key, name);
  }
  return names;
}

function siblingPortsOf(texts: readonly string[]): Map<string, number[]> {
  const ports = new Map<string, number[]>();
  for (const text of texts) {
    const [, host = "", list = ""] = SIBLING_PORT.exec(text) ?? [];
    const named = list.split(",").map(Number);
    if (named.some((port) => port < 1 || port > 65_535)) {
      throw new FleetsecError("usage", `--sibling-port is not [HOST:PORT:]PORT: ${withoutUser(text)}`, {
        hint: "write it as --sibling-port 9443, or for one of several targets as --sibling-port gateway.example:8443:9443",
      });
    }
    const key = host.toLowerCase();
    ports.set(key, [...(ports.get(key) ?? []), ...named]);
  }
  return ports;
}
