import type { Certificate } from "./certificate.ts";
import { oids } from "../oids.ts";
import { displayGeneralName, type GeneralName, parseMailbox, parseUri } from "./general-name.ts";
import { isEmptyName, isWithin, textsOf } from "./name.ts";
import type { NameConstraints } from "./subtrees.ts";

/** What comparing names with constraints may still cost; shared by one whole verification. */
export interface Comparisons {
  left: number;
}

/** A name that breaks a constraint, and how; `undefined` when the comparisons ran out. */
export type Violation = { readonly message: string } | { readonly exhausted: true };

/**
 * Checks a certificate's names against the constraints of the certificates above it (RFC 5280
 * section 6.1.3 (b) and (c)). All of them apply at once: that is the intersection of what is
 * permitted and the union of what is excluded.
 */
export function constraintViolation(
  certificate: Pick<Certificate, "subject" | "subjectAltName">,
  constraints: readonly NameConstraints[],
  comparisons: Comparisons,
): Violation | undefined {
  if (constraints.length === 0) return undefined;
  const names = namesOf(certificate);
  for (const { permitted, excluded } of constraints) {
    comparisons.left -= names.length * (permitted.length + excluded.length);
    if (comparisons.left < 0) return { exhausted: true };
    for (const name of names) {
      const message = brokenBy(name, permitted, excluded);
      if (message !== undefined) return { message };
    }
  }
  return undefined;
}

/** The subject, its mail addresses, and the subject alternative names. */
function namesOf({
  subject,
  subjectAltName = [],
}: Pick<Certificate, "subject" | "subjectAltName">): GeneralName[] {
  const emails = textsOf(subject, oids.emailAddress);
  return [
    ...(isEmptyName(subject) ? [] : [{ type: "dn", value: subject } as const]),
    ...emails.map((value) => ({ type: "email", value }) as const),
    ...subjectAltName,
  ];
}

function brokenBy(
  name: GeneralName,
  permitted: readonly GeneralName[],
  excluded: readonly GeneralName[],
): string | undefined {
  const limits = permitted.filter((base) => base.type === name.type);
  const bans = excluded.filter((base) => base.type === name.type);
  if (limits.length === 0 && bans.length === 0) return undefined;
  const shown = displayGeneralName(name);
  if (!isComparable(name)) return `has the name ${shown}, which name constraints cannot be applied to`;
  const ban = bans.find((base) => isCovered(name, base, "excluded"));
  if (ban !== undefined) return `has the name ${shown}, which is excluded by ${displayGeneralName(ban)}`;
  if (limits.length === 0 || limits.some((base) => isCovered(name, base, "permitted"))) return undefined;
  return `has the name ${shown}, which is not within what is permitted`;
}

/** Section 4.2.1.10: a constrained name of a form that cannot be processed refuses the certificate. */
function isComparable(name: GeneralName): boolean {
  switch (name.type) {
    case "dns":
    case "ip":
    case "dn":
      return true;
    case "email":
      return parseMailbox(name.value) !== undefined;
    case "uri":
      return isFullyQualified(parseUri(name.value)?.host);
    default:
      return false;
  }
}

/** "If the URI does not include an authority with a host name, the certificate MUST be rejected." */
function isFullyQualified(host: string | undefined): boolean {
  return host !== undefined && !host.startsWith("[") && !/^[\d.]+$/.test(host);
}

type Side = "permitted" | "excluded";

function isCovered(name: GeneralName, base: GeneralName, side: Side): boolean {
  switch (base.type) {
    case "dns":
      return name.type === "dns" && isDnsCovered(name.value, base.value, side);
    case "email":
      return name.type === "email" && isMailboxCovered(name.value, base.value);
    case "uri":
      return name.type === "uri" && isHostCovered(parseUri(name.value)?.host ?? "", base.value);
    case "ip":
      return name.type === "ip" && isAddressCovered(name.value, base.value);
    case "dn":
      return name.type === "dn" && isWithin(name.value, base.value);
    default:
      return false;
  }
}

/** The base itself and every name made by adding labels on its left. */
function isDnsCovered(name: string, base: string, side: Side): boolean {
  if (isBelow(name, base)) return true;
  // `*.example.com` also stands for `secret.example.com`: an exclusion of that one covers it (CVE-2025-61727)
  const [, ...parent] = base.split(".");
  return (
    side === "excluded" &&
    name.startsWith("*.") &&
    parent.join(".").toLowerCase() === name.slice(2).toLowerCase()
  );
}

function isBelow(name: string, base: string): boolean {
  const [low, high] = [name.toLowerCase(), base.toLowerCase()];
  return high === "" || low === high || low.endsWith(`.${high}`);
}

/** One mailbox, every mailbox at a host, or with a leading dot every mailbox below a domain. */
function isMailboxCovered(mailbox: string, base: string): boolean {
  const { local, domain } = parseMailbox(mailbox) ?? { local: "", domain: "" };
  const only = parseMailbox(base);
  if (only !== undefined) return only.local === local && only.domain.toLowerCase() === domain.toLowerCase();
  return isHostCovered(domain, base);
}

/** With a leading dot the hosts below, else that one host. */
function isHostCovered(host: string, base: string): boolean {
  const [low, high] = [host.toLowerCase(), base.toLowerCase()];
  return high.startsWith(".") ? low.endsWith(high) && low.length > high.length : low === high;
}

function isAddressCovered(address: Uint8Array, range: Uint8Array): boolean {
  const { length } = address;
  if (range.length !== length * 2) return false;
  return address.every((octet, i) => {
    const mask = range[length + i] ?? 0;
    return (octet & mask) === ((range[i] ?? 0) & mask);
  });
}
