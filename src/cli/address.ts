import { FleetsecError } from "../errors.ts";

/** An address as users write it; IPv6 addresses stand in brackets. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** The parts of `HOST:PORT`, or undefined for anything else. */
export function parseAddress(text: string, lowestPort = 1): HostPort | undefined {
  const [, host, digits] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]{1,253}):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || !(port >= lowestPort && port <= 65_535)) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port };
}

/** The same for a flag's value. @throws FleetsecError `usage` */
export function addressOf(text: string, flag: string, lowestPort = 1): HostPort {
  const address = parseAddress(text, lowestPort);
  if (address !== undefined) return address;
  throw new FleetsecError("usage", `${flag} is not an address: ${text}`, { hint: "write it as HOST:PORT" });
}
