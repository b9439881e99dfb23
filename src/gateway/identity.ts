import type { PeerCertificate, TLSSocket } from "node:tls";
import { escapeAttributeValue } from "../pki/name.ts";

/** Who a verified client certificate says that its holder is. */
export interface Identity {
  /** The subject, one line, e.g. `CN=tms, OU=carrier_dispatch, O=acme`; values are escaped as in RFC 4514. */
  readonly subject: string;
  /** Upper-case hexadecimal. */
  readonly serial: string;
  /** `spiffe://…`, where the certificate holds exactly one such URI. */
  readonly spiffeId?: string;
  /** Application roles: the organizational units that issuance wrote. */
  readonly roles: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** The certificate, DER. */
  readonly certificate: Buffer;
}

/** The identity of a client whose certificate TLS has verified, or undefined where it has not. */
export function identityOf(socket: TLSSocket): Identity | undefined {
  if (!socket.authorized) return undefined;
  // null once the socket is destroyed, whatever the type says
  const peer = socket.getPeerCertificate() as PeerCertificate | null;
  if (!Buffer.isBuffer(peer?.raw)) return undefined;
  const subject = peer.subject as unknown as Readonly<Record<string, string | readonly string[] | undefined>>;
  const uris = subjectAltUris(peer.subjectaltname ?? "");
  const spiffeIds = uris.filter((uri) => uri.startsWith("spiffe://"));
  const [spiffeId] = spiffeIds;
  return {
    subject: Object.entries(subject)
      .flatMap(([type, values]) =>
        [values ?? []].flat().map((value) => `${type}=${escapeAttributeValue(value)}`),
      )
      .join(", "),
    serial: peer.serialNumber,
    // SPIFFE X.509-SVID section 2: exactly one URI
    ...(uris.length === 1 && spiffeId !== undefined ? { spiffeId } : {}),
    roles: [subject["OU"] ?? []].flat(),
    notAfter: Date.parse(peer.valid_to),
    certificate: peer.raw,
  };
}

/**
 * The URIs in Node's text form of the subject alternative names. A name that Node had to quote
 * could pretend to be several (CVE-2021-44532), and no URI of ours needs it: such text gives none.
 */
function subjectAltUris(text: string): readonly string[] {
  if (text.includes('"')) return [];
  return text
    .split(", ")
    .filter((entry) => entry.startsWith("URI:"))
    .map((entry) => entry.slice("URI:".length));
}
