import { contentOf, context, type Element, malformed, readInside, TAG } from "./der.ts";
import { type Name, readName } from "./name.ts";
import { oidOf } from "./values.ts";

/** RFC 5280 section 4.2.1.6. The forms that nothing here can judge keep only their kind. */
export type GeneralName =
  | { readonly kind: "dns" | "email" | "uri"; readonly value: string }
  /** 4 or 16 octets; in a name constraint 8 or 32, address and mask. */
  | { readonly kind: "ip"; readonly value: Uint8Array }
  | { readonly kind: "directory"; readonly value: Name }
  | { readonly kind: "other" | "x400" | "ediParty" | "registeredId"; readonly value: Uint8Array };

/** Reads one; the syntax of the names in it is judged by who uses it. @throws FleetsecError `input` */
export function readGeneralName(element: Element): GeneralName {
  switch (element.tag) {
    case context(0, "constructed"):
      return { kind: "other", value: contentOf(element) };
    case context(1, "primitive"):
      return { kind: "email", value: ia5(element) };
    case context(2, "primitive"):
      return { kind: "dns", value: ia5(element) };
    case context(3, "constructed"):
      return { kind: "x400", value: contentOf(element) };
    case context(4, "constructed"):
      return { kind: "directory", value: readName(readInside(element, TAG.sequence)) };
    case context(5, "constructed"):
      return { kind: "ediParty", value: contentOf(element) };
    case context(6, "primitive"):
      return { kind: "uri", value: ia5(element) };
    case context(7, "primitive"):
      return { kind: "ip", value: contentOf(element) };
    case context(8, "primitive"):
      oidOf(element);
      return { kind: "registeredId", value: contentOf(element) };
    default:
      throw malformed("an unknown form of general name", element.start);
  }
}

function ia5(element: Element): string {
  const text = Buffer.from(contentOf(element)).toString("latin1");
  // A control character has no place in a name; an embedded NUL has hidden names (CVE-2009-2408).
  if (!/^[\u0020-\u007e]*$/.test(text)) throw malformed("a name with characters beyond ASCII", element.start);
  return text;
}

/** One label of the preferred name syntax (RFC 1034 section 3.5, RFC 1123 section 2.1): no underscore. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** A host name of RFC 5280 section 4.2.1.6: LDH labels, no trailing dot. */
export function isHostName(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => LABEL.test(label));
}

/** A host name whose first label may be a wildcard, whole, as in `*.example.com`. */
export function isDnsName(name: string): boolean {
  return isHostName(name.startsWith("*.") ? name.slice(2) : name);
}

const URI = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#\s<>"{}|\\^`]*))?[^\s<>"{}|\\^`]*$/i;

/** An absolute URI; `host` is its authority without user and port, `undefined` without one. */
export function parseUri(
  text: string,
): { readonly scheme: string; readonly host: string | undefined } | undefined {
  const [, scheme, authority] = URI.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const host = authority?.slice(authority.lastIndexOf("@") + 1).replace(/:\d*$/, "");
  return { scheme: scheme.toLowerCase(), host: host === "" ? undefined : host };
}

/** `local@domain`, or undefined where the text is no such mailbox. */
export function parseMailbox(text: string): { readonly local: string; readonly domain: string } | undefined {
  const at = text.lastIndexOf("@");
  const [local, domain] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  return local !== "" && !/[\s@<>]/.test(local) && isHostName(domain) ? { local, domain } : undefined;
}

/** What is wrong with a subject alternative name, or undefined. */
export function nameFault(name: GeneralName): string | undefined {
  switch (name.kind) {
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

/** `192.0.2.1` or `2001:db8:0:0:0:0:0:1`; with a mask where there is one. */
export function displayIp(bytes: Uint8Array): string {
  if (bytes.length === 8 || bytes.length === 32) {
    const half = bytes.length / 2;
    return `${displayIp(bytes.subarray(0, half))}/${displayIp(bytes.subarray(half))}`;
  }
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: bytes.length / 2 },
    (_, i) => (bytes[i * 2] ?? 0) * 256 + (bytes[i * 2 + 1] ?? 0),
  );
  return groups.map((group) => group.toString(16)).join(":");
}
