import { bitString, constructed, enumerated, integer, sequence, sequenceOf, time } from "./der/write.ts";
import { authorityKeyIdentifier, extension } from "./extensions.ts";
import type { RevocationReason } from "./inventory-line.ts";
import { defaultHash, type Signer } from "./keys.ts";
import { oids } from "./oids.ts";
import type { IssuerIdentity } from "./profiles.ts";
import { signatureAlgorithm } from "./signature-algorithm.ts";

export interface RevokedCertificate {
  /** Big-endian magnitude. */
  readonly serial: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly revokedAt: number;
  readonly reason: RevocationReason;
}

export interface CrlSpec {
  readonly issuer: IssuerIdentity;
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly revoked: readonly RevokedCertificate[];
}

/** CRLReason (RFC 5280 section 5.3.1). */
export const REASON_CODES: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
  aACompromise: 10,
};

/** Builds and signs a version 2 CRL (RFC 5280 section 5) and gives its DER. */
export async function buildCrl(spec: CrlSpec, signer: Signer): Promise<Uint8Array> {
  const hash = defaultHash(signer.keyType);
  const algorithm = signatureAlgorithm(signer.keyType, hash);
  const tbs = sequence(
    VERSION_2,
    algorithm,
    spec.issuer.subject,
    time(spec.thisUpdate),
    time(spec.nextUpdate),
    // an empty list must be absent (section 5.1.2.6)
    ...(spec.revoked.length === 0 ? [] : [sequenceOf(spec.revoked.map(revokedEntry))]),
    constructed(
      0,
      sequence(
        authorityKeyIdentifier(spec.issuer.keyId),
        extension(oids.crlNumber, false, integer(spec.number)),
      ),
    ),
  );
  return sequence(tbs, algorithm, bitString(await signer.sign(tbs, hash)));
}

const VERSION_2 = integer(1);

function revokedEntry({ serial, revokedAt, reason }: RevokedCertificate): Uint8Array {
  return sequence(integer(serial), time(revokedAt), REASON_EXTENSIONS[reason]);
}

/** Made once: there may be a hundred thousand entries. An unspecified reason should be absent (section 5.3.1). */
const REASON_EXTENSIONS = Object.fromEntries(
  Object.entries(REASON_CODES).map(([reason, code]) => [
    reason,
    code === 0 ? new Uint8Array(0) : sequence(extension(oids.reasonCode, false, enumerated(code))),
  ]),
) as Readonly<Record<RevocationReason, Uint8Array>>;
