import { createHash } from "node:crypto";
import { oids } from "../oids.ts";
import type { Certificate, Defect } from "./certificate.ts";
import { displayGeneralName } from "./general-name.ts";
import { readPublicKey } from "./key.ts";
import { displayName, textsOf } from "./name.ts";
import { schemeName } from "./signature.ts";
import { isoTime } from "./time.ts";

/** A certificate in words. Texts from it are not escaped for a terminal. */
export interface CertificateDescription {
  readonly subject: string;
  readonly issuer: string;
  /** Upper-case hexadecimal. */
  readonly serial: string;
  /** SHA-256 of the DER in hexadecimal. */
  readonly fingerprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly status: "valid" | "expired" | "not-yet-valid";
  readonly ca: boolean;
  /** How many CAs may follow; only of a CA that limits it. */
  readonly pathLength?: number;
  /** Subject alternative names: `dns:…`, `ip:…`, `uri:…`. */
  readonly names: readonly string[];
  /** Only where there is exactly one URI and it is a SPIFFE ID, as X.509-SVIDs demand. */
  readonly spiffeId?: string;
  /** The application roles: organisational units of the subject. */
  readonly roles: readonly string[];
  readonly key: string;
  readonly signature: string;
  readonly keyUsage: readonly string[];
  readonly extendedKeyUsage: readonly string[];
  readonly permittedNames: readonly string[];
  readonly excludedNames: readonly string[];
  readonly crl: readonly string[];
  readonly ocsp: readonly string[];
  /** What breaks RFC 5280 in how it is written, or makes its key weak. */
  readonly defects: readonly { readonly code: Defect["code"] | "weak-key"; readonly message: string }[];
}

/** @param at the instant of `status`, in milliseconds since the Unix epoch */
export function describeCertificate(certificate: Certificate, at: number): CertificateDescription {
  const key = readPublicKey(certificate.spki);
  const { basicConstraints, nameConstraints } = certificate;
  const spiffeId = spiffeIdOf(certificate);
  return {
    subject: displayName(certificate.subject),
    issuer: displayName(certificate.issuer),
    serial: certificate.serial,
    fingerprint: fingerprintOf(certificate),
    notBefore: isoTime(certificate.notBefore),
    notAfter: isoTime(certificate.notAfter),
    status: statusAt(certificate, at),
    ca: basicConstraints?.ca === true,
    ...(basicConstraints?.pathLength === undefined ? {} : { pathLength: basicConstraints.pathLength }),
    names: (certificate.subjectAltName ?? []).map(displayGeneralName),
    ...(spiffeId === undefined ? {} : { spiffeId }),
    roles: textsOf(certificate.subject, oids.organizationalUnitName),
    key: key.label,
    signature: schemeName(certificate.signatureAlgorithm.oid),
    keyUsage: certificate.keyUsage ?? [],
    extendedKeyUsage: (certificate.extendedKeyUsage ?? []).map((oid) => PURPOSES.get(oid) ?? oid),
    permittedNames: (nameConstraints?.permitted ?? []).map(displayGeneralName),
    excludedNames: (nameConstraints?.excluded ?? []).map(displayGeneralName),
    crl: certificate.crlUris ?? [],
    ocsp: certificate.ocspUris ?? [],
    defects: [
      ...certificate.defects,
      ...(key.weakness === undefined ? [] : [{ code: "weak-key" as const, message: `has ${key.weakness}` }]),
    ],
  };
}

/** SHA-256 of the DER in hexadecimal. */
export function fingerprintOf(certificate: Certificate): string {
  return createHash("sha256").update(certificate.der).digest("hex");
}

const PURPOSES: ReadonlyMap<string, string> = new Map([
  [oids.serverAuth, "serverAuth"],
  [oids.clientAuth, "clientAuth"],
  [oids.ocspSigning, "OCSPSigning"],
  [oids.anyExtendedKeyUsage, "anyExtendedKeyUsage"],
]);

function spiffeIdOf({ subjectAltName = [] }: Certificate): string | undefined {
  const uris = subjectAltName.flatMap((name) => (name.type === "uri" ? name.value : []));
  const [uri] = uris;
  return uris.length === 1 && uri?.startsWith("spiffe://") ? uri : undefined;
}

function statusAt({ notBefore, notAfter }: Certificate, at: number): CertificateDescription["status"] {
  const second = Math.floor(at / 1000) * 1000;
  if (second < notBefore) return "not-yet-valid";
  return second > notAfter ? "expired" : "valid";
}
