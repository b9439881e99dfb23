import { isIP } from "node:net";
import { FleetsecError } from "../../errors.ts";
import { ipBytes } from "../general-name.ts";
import type { Certificate } from "./certificate.ts";
import { isDnsName, isHostName, parseUri } from "./general-name.ts";

/** Whom the peer is to be: a name that its certificate must carry. */
export type PeerName =
  | { readonly type: "dns" | "uri"; readonly value: string }
  | { readonly type: "ip"; readonly value: Uint8Array };

/** Reads a host name, an IP address, or an absolute URI. @throws FleetsecError `input` */
export function parsePeerName(text: string): PeerName {
  if (isIP(text) !== 0) return { type: "ip", value: ipBytes(text) };
  if (text.includes("://") && parseUri(text) !== undefined) return { type: "uri", value: text };
  const host = text.endsWith(".") ? text.slice(0, -1) : text;
  if (isHostName(host) && !/^[\d.]+$/.test(host)) return { type: "dns", value: host };
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
    switch (peer.type) {
      case "dns":
        return name.type === "dns" && matchesDns(name.value, peer.value);
      case "uri":
        return name.type === "uri" && name.value === peer.value;
      case "ip":
        return name.type === "ip" && Buffer.compare(name.value, peer.value) === 0;
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
