import { type Element, malformed, readSingle, tags } from "../der/read.ts";
import { oidOf } from "../der/values.ts";
import { formatIp } from "../general-name.ts";
import { displayName, type Name, readName } from "./name.ts";

/** RFC 5280 section 4.2.1.6, as read. The forms that nothing here can judge keep only their bytes. */
export type GeneralName =
  | { readonly type: "dns" | "email" | "uri"; readonly value: string }
  /** 4 or 16 octets; in a name constraint 8 or 32, address and mask. */
  | { readonly type: "ip"; readonly value: Uint8Array }
  | { readonly type: "dn"; readonly value: Name }
  | { readonly type: "other" | "x400" | "edi-party" | "registered-id"; readonly value: Uint8Array };

/** Reads one; the syntax of the name in it is judged by who uses it. @throws FleetsecError `input` */
export function readGeneralName(element: Element, what: string): GeneralName {
  const { tag, contents } = element;
  switch (tag) {
    case tags.constructed(0):
      return { type: "other", value: contents };
    case tags.primitive(1):
      return { type: "email", value: asciiOf(contents, what) };
    case tags.primitive(2):
      return { type: "dns", value: asciiOf(contents, what) };
    case tags.constructed(3):
      return { type: "x400", value: contents };
    case tags.constructed(4):
      // a CHOICE cannot be tagged implicitly: the name stands inside
      return { type: "dn", value: readName(readSingle(contents, tags.sequence, what), what) };
    case tags.constructed(5):
      return { type: "edi-party", value: contents };
    case tags.primitive(6):
      return { type: "uri", value: asciiOf(contents, what) };
    case tags.primitive(7):
      return { type: "ip", value: contents };
    case tags.primitive(8):
      oidOf(element, what);
      return { type: "registered-id", value: contents };
    default:
      throw malformed(what, "a name of an unknown form");
  }
}

function asciiOf(bytes: Uint8Array, what: string): string {
  const text = Buffer.from(bytes).toString("latin1");
  // A control character has no place in a name; an embedded NUL has hidden names (CVE-2009-2408).
  if (!/^[\u0020-\u007e]*$/.test(text)) throw malformed(what, "a name with characters that are not ASCII");
  return text;
}

/** One label of the preferred name syntax (RFC 1034 section 3.5, RFC 1123 section 2.1): no underscore. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** A host name: LDH labels, no trailing dot. */
export function isHostName(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => LABEL.test(label));
}

/** A host name whose first label may be a wildcard, whole, as in `*.example.com`. */
export function isDnsName(name: string): boolean {
  return isHostName(name.startsWith("*.") ? name.slice(2) : name);
}

const URI = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#\s<>"{}|\\^`]*))?[^\s<>"{}|\\^`]*$/i;

/** RFC 3986 section 3.2, with a host that is a name: no user before it, not encoded, and no address in brackets. */
const AUTHORITY = /^((?:[a-z0-9_-]+\.)*[a-z0-9_-]+)(?::\d*)?$/i;
/** Last labels that make an IPv4 address of a host. */
const NUMERIC = /(?:^|\.)(?:\d+|0x[\da-f]*)$/i;

/**
 * An absolute URI; `host` is the name of a host in it, undefined where there is none, or where others read
 * another one: users and last dots belong to the host for OpenSSL, and so does what is before a colon.
 */
export function parseUri(
  text: string,
): { readonly scheme: string; readonly host: string | undefined } | undefined {
  const [, scheme, authority] = URI.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const [, host] = AUTHORITY.exec(authority ?? "") ?? [];
  const isName = host !== undefined && !NUMERIC.test(host) && host === hostByOpenSsl(text);
  return { scheme: scheme.toLowerCase(), host: isName ? host : undefined };
}

/** As `nc_uri` of OpenSSL's crypto/x509/v3_ncons.c has it: up to the first colon, or else to the first slash. */
function hostByOpenSsl(uri: string): string | undefined {
  const rest = uri.slice(uri.indexOf("://") + 3);
  return rest.split(rest.includes(":") ? ":" : "/", 1)[0];
}

/** `local@domain`, or undefined where the text is no such mailbox. */
export function parseMailbox(text: string): { readonly local: string; readonly domain: string } | undefined {
  const at = text.lastIndexOf("@");
  const [local, domain] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  return local !== "" && !/[\s@<>]/.test(local) && isHostName(domain) ? { local, domain } : undefined;
}

/** What is wrong with a subject alternative name, or undefined. */
export function nameFault(name: GeneralName): string | undefined {
  switch (name.type) {
    case "dns":
      return isDnsName(name.value) ? undefined : `${JSON.stringify(name.value)} is no DNS name`;
    case "email":
      return parseMailbox(name.value) === undefined
        ? `${JSON.stringify(name.value)} is no mailbox`
        : undefined;
    case "uri":
      return parseUri(name.value) === undefined
        ? `${JSON.stringify(name.value)} is no absolute URI`
        : undefined;
    case "ip":
      return name.value.length === 4 || name.value.length === 16
        ? undefined
        : `an IP address of ${name.value.length} octets`;
    default:
      return undefined;
  }
}

/** For people: `dns:truck-7.fleet.internal`. Not escaped for a terminal. */
export function displayGeneralName(name: GeneralName): string {
  switch (name.type) {
    case "ip":
      return `ip:${displayAddress(name.value)}`;
    case "dn":
      return `dn:${displayName(name.value)}`;
    case "dns":
    case "email":
    case "uri":
      return `${name.type}:${name.value}`;
    default:
      return `${name.type} (${name.value.length} bytes)`;
  }
}

/** An address, or a constraint's address and mask. */
function displayAddress(bytes: Uint8Array): string {
  if (bytes.length !== 8 && bytes.length !== 32) return formatIp(bytes);
  const mask = bytes.subarray(bytes.length / 2);
  const bits = mask.reduce((sum, octet) => sum + ones(octet), 0);
  return `${formatIp(bytes.subarray(0, bytes.length / 2))}/${bits}`;
}

function ones(octet: number): number {
  return octet.toString(2).replaceAll("0", "").length;
}
