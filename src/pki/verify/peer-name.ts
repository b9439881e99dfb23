import { isIPv4, isIPv6 } from "node:net";
import { FleetsecError } from "../../errors.ts";
import type { Certificate } from "./certificate.ts";
import { isDnsName, isHostName, parseUri } from "./general-name.ts";

/** Whom the peer is to be: a name that its certificate must carry. */
export type PeerName =
  | { readonly kind: "dns" | "uri"; readonly value: string }
  | { readonly kind: "ip"; readonly value: Uint8Array };

/** Reads a host name, an IP address, or an absolute URI. @throws FleetsecError `input` */
export function parsePeerName(text: string): PeerName {
  const address = parseIp(text);
  if (address !== undefined) return { kind: "ip", value: address };
  if (text.includes("://") && parseUri(text) !== undefined) return { kind: "uri", value: text };
  const host = text.endsWith(".") ? text.slice(0, -1) : text;
  if (isHostName(host) && !/^[\d.]+$/.test(host)) return { kind: "dns", value: host };
  throw new FleetsecError("input", `${JSON.stringify(text)} is no host name, IP address or URI`, {
    hint: "write it as in gateway.fleet.internal, 192.0.2.1 or spiffe://fleet.internal/truck-7",
  });
}

/**
 * Whether the certificate's subject alternative names carry the name (RFC 9525; the common name is
 * never looked at). A SPIFFE ID or other URI must be equal to the letter.
 */
export function carriesName(certificate: Certificate, peer: PeerName): boolean {
  return (certificate.subjectAltName ?? []).some((name) => {
    switch (peer.kind) {
      case "dns":
        return name.kind === "dns" && matchesDns(name.value, peer.value);
      case "uri":
        return name.kind === "uri" && name.value === peer.value;
      case "ip":
        return name.kind === "ip" && Buffer.compare(name.value, peer.value) === 0;
    }
  });
}

/**
 * Whether a name in a certificate stands for a host. A wildcard is the whole leftmost label, stands
 * for exactly one label, and leaves two or more labels behind it.
 */
export function matchesDns(presented: string, host: string): boolean {
  const [name, wanted] = [presented.toLowerCase(), host.toLowerCase()];
  if (!isDnsName(name) || !isHostName(wanted)) return false;
  if (!name.startsWith("*.")) return name === wanted;
  const parent = name.slice(2);
  return parent.includes(".") && wanted.slice(wanted.indexOf(".") + 1) === parent && wanted.includes(".");
}

/** The octets of an IPv4 or IPv6 address in text form, or undefined. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  // an IPv4 address at the end stands for two groups
  const plain = text.replace(/[\d.]+$/, (tail) => (tail.includes(".") ? groupsOfIpv4(tail) : tail));
  const [left = "", right] = plain.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const [head, tail] = [groups(left), groups(right ?? "")];
  const zeros = right === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => "0");
  const octets = [...head, ...zeros, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return Uint8Array.from(octets);
}

function groupsOfIpv4(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = text.split(".").map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
