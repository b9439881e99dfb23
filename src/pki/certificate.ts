import { bitString, constructed, integer, sequence, time } from "./der/write.ts";
import type { ExtensionDer } from "./extensions.ts";
import { defaultHash, type Hash, type Signer } from "./keys.ts";
import type { NameDer } from "./name.ts";
import { signatureAlgorithm } from "./signature-algorithm.ts";

/**
 * What goes into a certificate, without any judgement on it: the probe forges with this too.
 * What may be issued is decided in profiles and roles.
 */
export interface CertificateSpec {
  /** Big-endian magnitude. */
  readonly serial: Uint8Array;
  /** Byte for byte the subject of the issuer's certificate. */
  readonly issuer: NameDer;
  readonly subject: NameDer;
  /** Milliseconds since the epoch; a fraction of a second is cut off. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The subject's public key, DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** In the order in which they are to stand. */
  readonly extensions: readonly ExtensionDer[];
  /** Of the signature; the default of the signer's key type unless told. */
  readonly hash?: Hash;
}

/** Builds and signs an X.509 v3 certificate (RFC 5280 section 4.1) and gives its DER. */
export async function buildCertificate(spec: CertificateSpec, signer: Signer): Promise<Uint8Array> {
  const hash = spec.hash ?? defaultHash(signer.keyType);
  const algorithm = signatureAlgorithm(signer.keyType, hash);
  const tbs = sequence(
    VERSION_3,
    integer(spec.serial),
    algorithm,
    spec.issuer,
    sequence(time(spec.notBefore), time(spec.notAfter)),
    spec.subject,
    spec.spki,
    ...(spec.extensions.length === 0 ? [] : [constructed(3, sequence(...spec.extensions))]),
  );
  return sequence(tbs, algorithm, bitString(await signer.sign(tbs, hash)));
}

const VERSION_3 = constructed(0, integer(2));

/**
 * A serial number of 159 random bits: positive and at most 20 bytes long (RFC 5280 section 4.1.2.2),
 * unpredictable as the CA/Browser Forum asks.
 * @param random cryptographically secure random bytes
 */
export function randomSerial(random: (length: number) => Uint8Array): Uint8Array {
  for (;;) {
    const serial = Uint8Array.from(random(20));
    serial[0] = (serial[0] ?? 0) & 0x7f;
    if (serial.some((byte) => byte !== 0)) return serial;
  }
}

/** A serial number as OpenSSL and nginx print it: upper-case hexadecimal in whole bytes. */
export function formatSerial(serial: Uint8Array): string {
  let start = 0;
  while (start < serial.length - 1 && serial[start] === 0) start += 1;
  return Buffer.from(serial.subarray(start)).toString("hex").toUpperCase();
}
