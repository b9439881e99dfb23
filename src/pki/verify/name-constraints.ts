import { tags } from "../der/read.ts";
import { oids } from "../oids.ts";
import type { Certificate } from "./certificate.ts";
import { displayGeneralName, type GeneralName, parseMailbox, parseUri } from "./general-name.ts";
import { displayBytes, isEmptyName, isWithin, mayBeWithin, type NameAttribute, textsOf } from "./name.ts";
import type { NameConstraints } from "./subtrees.ts";

/** What comparing names with constraints may still cost; shared by one whole verification. */
export interface Comparisons {
  left: number;
}

type Names = Pick<Certificate, "subject" | "subjectAltName">;

/** A name that breaks a constraint, and how; `undefined` when the comparisons ran out. */
export type Violation = { readonly message: string } | { readonly exhausted: true };

/**
 * Checks a certificate's names against the constraints of the certificates above it (RFC 5280
 * section 6.1.3 (b) and (c)). All of them apply at once: that is the intersection of what is
 * permitted and the union of what is excluded.
 * @param isEnd whether it ends the path
 */
export function constraintViolation(
  certificate: Names,
  constraints: readonly NameConstraints[],
  comparisons: Comparisons,
  isEnd = true,
): Violation | undefined {
  if (constraints.length === 0) return undefined;
  const unfit = unfitName(certificate, isEnd);
  if (unfit !== undefined) return { message: unfit };
  const names = [...namesOf(certificate), ...(isEnd ? hostsOf(certificate) : [])];
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

/** Names of the subject that no constraint can be held to, whatever it is about. As OpenSSL has it. */
function unfitName(certificate: Names, isEnd: boolean): string | undefined {
  if (emailsOf(certificate).some(({ der }) => der[0] !== tags.ia5String))
    return "has a mailbox in its subject that is no IA5String, which name constraints cannot be applied to";
  if (isEnd && hostNames(certificate).some((text) => text.includes("\0")))
    return "has a common name with a NUL in it, which name constraints cannot be applied to";
  return undefined;
}

function emailsOf({ subject }: Names): NameAttribute[] {
  return subject.rdns.flat().filter(({ oid }) => oid === oids.emailAddress);
}

/** The subject, its mail addresses, and the subject alternative names. */
function namesOf(certificate: Names): GeneralName[] {
  const { subject, subjectAltName = [] } = certificate;
  return [
    ...(isEmptyName(subject) ? [] : [{ type: "dn", value: subject } as const]),
    // one that cannot be read is no mailbox, and refused where mailboxes are constrained
    ...emailsOf(certificate).map(
      ({ text, der }) => ({ type: "email", value: text ?? displayBytes(der) }) as const,
    ),
    ...subjectAltName,
    ...subjectAltName.filter(isUtf8Mailbox).map(() => ({ type: "email", value: "SmtpUTF8Mailbox" }) as const),
  ];
}

/** Common names that look like a host's. */
function hostsOf(certificate: Names): GeneralName[] {
  const hosts = hostNames(certificate).filter((text) => HOST.test(text));
  return hosts.map((value) => ({ type: "dns", value }));
}

/**
 * Common names where there is no DNS name: some still take them for a host's, and leave out a NUL at the end. As
 * OpenSSL has it, which is more than RFC 5280 asks for.
 */
function hostNames({ subject, subjectAltName = [] }: Names): string[] {
  if (subjectAltName.some(({ type }) => type === "dns")) return [];
  return textsOf(subject, oids.commonName).map((text) => text.replace(/\0+$/, ""));
}

/** Two labels or more. */
const HOST = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+$/i;

/** id-on-SmtpUTF8Mailbox (RFC 9598), which constraints on mailboxes hold for and nothing here can judge. */
const UTF8_MAILBOX = Buffer.from("06082b06010505070809", "hex");

function isUtf8Mailbox(name: GeneralName): boolean {
  return name.type === "other" && Buffer.from(name.value).indexOf(UTF8_MAILBOX) === 0;
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
      // a quoted local part is another spelling of a plain one
      return parseMailbox(name.value) !== undefined && !name.value.includes('"');
    case "uri":
      // "If the URI does not include an authority with a host name, the certificate MUST be rejected."
      return parseUri(name.value)?.host !== undefined;
    default:
      return false;
  }
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
      if (name.type !== "dn") return false;
      return side === "excluded" ? mayBeWithin(name.value, base.value) : isWithin(name.value, base.value);
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
