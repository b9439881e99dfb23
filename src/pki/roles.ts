import { isIP } from "node:net";
import { FleetsecError } from "../errors.ts";
import { formatIp, type GeneralName, ipBytes } from "./general-name.ts";
import { globMatches } from "./glob.ts";
import type { KeyType } from "./keys.ts";

export type Usage = "client" | "server";

/** What may be issued under a name of its own, as in Vault. Durations are in seconds. */
export interface Role {
  readonly name: string;
  readonly usages: readonly Usage[];
  readonly ttl: number;
  readonly maxTtl: number;
  readonly keyTypes: readonly KeyType[];
  readonly allowedDomains: readonly string[];
  readonly allowSubdomains: boolean;
  readonly allowBareDomains: boolean;
  readonly allowIpSans: boolean;
  /** Globs. */
  readonly allowedUriSans: readonly string[];
  /** Globs of names that are never issued. */
  readonly deny: readonly string[];
  /** Written into the certificate, for gateways and policies to read. */
  readonly applicationRoles: readonly string[];
}

const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const DNS_NAME = new RegExp(`^${LABEL}(\\.${LABEL})*$`);
/** The upper bound of a common name (RFC 5280 appendix A.1). */
const MAX_NAME = 64;
/** RFC 1035 section 2.3.4, in text. */
const MAX_DNS_NAME = 253;

/** A lower-case DNS name without a wildcard, of at most 253 characters. */
export function isDnsName(text: string): boolean {
  return text.length <= MAX_DNS_NAME && DNS_NAME.test(text);
}

/**
 * Checks the NAME of a certificate: it becomes a common name, a part of DNS names and URIs, and a
 * directory, so nothing but labels of letters, digits and inner hyphens joined by dots will do.
 * @throws FleetsecError `usage`
 */
export function checkName(name: string): void {
  if (name.length <= MAX_NAME && DNS_NAME.test(name)) return;
  throw new FleetsecError("usage", `not a name for a certificate: ${name.slice(0, 80)}`, {
    hint: `use at most ${MAX_NAME} of a-z 0-9 - and dots, such as truck-17 or truck-17.north`,
  });
}

/**
 * A subject alternative name from its text, `dns:…`, `ip:…` or `uri:…`.
 * @throws FleetsecError `usage`
 */
export function parseSan(text: string): GeneralName {
  const [, type, value = ""] = /^(dns|ip|uri):(.*)$/s.exec(text) ?? [];
  if (type === "dns" && isDnsName(value)) return { type, value };
  if (type === "ip" && isIP(value) !== 0 && !value.includes("%"))
    return { type, value: formatIp(ipBytes(value)) };
  if (type === "uri" && isSpiffeId(value)) return { type, value };
  throw new FleetsecError("usage", `not a subject alternative name: ${text.slice(0, 300)}`, {
    hint: SAN_HINTS[type ?? ""] ?? "write it as dns:NAME, ip:ADDRESS or uri:spiffe://DOMAIN/PATH",
  });
}

const SAN_HINTS: Readonly<Record<string, string>> = {
  dns: "a DNS name is in lower case and has no wildcard",
  uri: "a URI is a SPIFFE ID: spiffe://DOMAIN/PATH, with a path of A-Z a-z 0-9 . _ - segments",
};

/** SPIFFE ID standard, section 2: lower-case trust domain, a path of non-empty segments that are no `.` or `..`. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)+$/;
const MAX_SPIFFE_ID = 2048;

function isSpiffeId(text: string): boolean {
  return text.length <= MAX_SPIFFE_ID && SPIFFE_ID.test(text);
}

/** A subject alternative name as `parseSan` reads it. */
export function formatSan(name: GeneralName): string {
  return `${name.type}:${String(name.value)}`;
}

/**
 * The names that a role gives to a certificate without being asked: NAME itself where it lies in an
 * allowed domain, else NAME below the first one; and `spiffe://DOMAIN/ROLE/NAME` where allowed.
 * @throws FleetsecError `refused` for a name that the role denies
 */
export function defaultNames(role: Role, name: string, trustDomain: string): GeneralName[] {
  const [first] = role.allowedDomains;
  const candidates = [name, ...(first === undefined ? [] : [`${name}.${first}`])];
  for (const value of candidates) refuseDenied(role, value);
  const dns = candidates.find((value) => refusalOf(role, { type: "dns", value }) === undefined);
  const uri = { type: "uri" as const, value: `spiffe://${trustDomain}/${role.name}/${name}` };
  refuseDenied(role, uri.value);
  return [
    ...(dns === undefined ? [] : [{ type: "dns" as const, value: dns }]),
    ...(refusalOf(role, uri) === undefined ? [uri] : []),
  ];
}

/** Why a role does not allow a name, and what to do about it. Not an error yet: mostly nobody throws it. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
}

/** @returns undefined for a name that the role allows */
export function refusalOf(role: Role, name: GeneralName): Refusal | undefined {
  const value = String(name.value);
  const denied = role.deny.find((glob) => globMatches(glob, value));
  if (denied !== undefined) {
    return refused(
      `role ${role.name} denies ${formatSan(name)} (rule: deny ${denied})`,
      "ask for another name",
    );
  }
  switch (name.type) {
    case "dns":
      return dnsRefusal(role, value);
    case "ip":
      if (role.allowIpSans) return undefined;
      return refused(
        `role ${role.name} allows no IP addresses: ${value}`,
        `set pki.roles.${role.name}.allow_ip_sans, or leave the address out`,
      );
    case "uri":
      if (role.allowedUriSans.some((glob) => globMatches(glob, value))) return undefined;
      return refused(
        `role ${role.name} does not allow the URI ${value}`,
        `allowed by pki.roles.${role.name}.allowed_uri_sans: ${role.allowedUriSans.join(", ") || "none"}`,
      );
    default:
      return refused(`role ${role.name} allows no names of type ${name.type}`, "use dns, ip or uri");
  }
}

function refuseDenied(role: Role, value: string): void {
  const denied = role.deny.find((glob) => globMatches(glob, value));
  if (denied === undefined) return;
  throw refusalError(
    refused(
      `role ${role.name} denies ${value}`,
      `denied by pki.roles.${role.name}.deny: ${denied}; ask for another name`,
    ),
  );
}

export function refusalError({ message, hint }: Refusal): FleetsecError {
  return new FleetsecError("refused", message, { hint });
}

function dnsRefusal(role: Role, value: string): Refusal | undefined {
  const { allowedDomains, allowBareDomains, allowSubdomains } = role;
  const bare = allowedDomains.includes(value);
  const below = allowedDomains.find((domain) => value.endsWith(`.${domain}`));
  if ((bare && allowBareDomains) || (below !== undefined && allowSubdomains)) return undefined;
  const at = `pki.roles.${role.name}`;
  if (bare) {
    return refused(
      `role ${role.name} does not allow the bare domain ${value}`,
      `set ${at}.allow_bare_domains, or ask for a name below it`,
    );
  }
  if (below !== undefined) {
    return refused(
      `role ${role.name} allows no names below ${below}: ${value}`,
      `set ${at}.allow_subdomains`,
    );
  }
  return refused(
    `role ${role.name} does not allow the DNS name ${value}`,
    `allowed by ${at}.allowed_domains: ${allowedDomains.join(", ") || "none"}`,
  );
}

function refused(message: string, hint: string): Refusal {
  return { message, hint };
}
