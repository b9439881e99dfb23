import {
  bitString,
  constructed,
  enumerated,
  generalizedTime,
  octetString,
  oid,
  primitive,
  sequence,
} from "../der/write.ts";
import { extension, keyHash } from "../extensions.ts";
import { defaultHash, type Signer } from "../keys.ts";
import { oids } from "../oids.ts";
import { signatureAlgorithm } from "../signature-algorithm.ts";
import { REASONS, type RevocationReason } from "../verify/crl.ts";

/** What became of a certificate. Times are milliseconds since the epoch. */
export type CertStatus =
  | { readonly status: "good" | "unknown" }
  | { readonly status: "revoked"; readonly at: number; readonly reason: RevocationReason };

export interface SingleResponse {
  /** DER of the CertID as it was asked. */
  readonly certId: Uint8Array;
  readonly status: CertStatus;
}

export interface OcspResponseSpec {
  readonly producedAt: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly responses: readonly SingleResponse[];
  /** DER of the nonce's extnValue. */
  readonly nonce: Uint8Array | undefined;
}

/** A key that signs responses, with its certificate. */
export interface OcspSigner {
  readonly signer: Signer;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** OCSPResponseStatus of responses that say nothing else (RFC 6960 section 4.2.1). */
const ERROR_CODES = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const;

export type OcspError = keyof typeof ERROR_CODES;

/** A response without a signature: there is no answer. */
export function errorResponse(error: OcspError): Uint8Array {
  return sequence(enumerated(ERROR_CODES[error]));
}

/** Builds and signs a basic OCSP response (RFC 6960 section 4.2.1) and gives the DER of the OCSPResponse. */
export async function buildOcspResponse(
  spec: OcspResponseSpec,
  { signer, certificate }: OcspSigner,
): Promise<Uint8Array> {
  const hash = defaultHash(signer.keyType);
  const tbs = sequence(
    constructed(2, octetString(keyHash(signer.spki, "sha1"))),
    generalizedTime(spec.producedAt),
    sequence(...spec.responses.map((single) => encodeSingle(single, spec))),
    ...(spec.nonce === undefined
      ? []
      : [constructed(1, sequence(extension(oids.ocspNonce, false, spec.nonce)))]),
  );
  const basic = sequence(
    tbs,
    signatureAlgorithm(signer.keyType, hash),
    bitString(await signer.sign(tbs, hash)),
    constructed(0, sequence(certificate)),
  );
  return sequence(enumerated(SUCCESSFUL), constructed(0, sequence(oid(oids.ocspBasic), octetString(basic))));
}

const SUCCESSFUL = 0;

function encodeSingle({ certId, status }: SingleResponse, { thisUpdate, nextUpdate }: OcspResponseSpec) {
  return sequence(
    certId,
    encodeStatus(status),
    generalizedTime(thisUpdate),
    constructed(0, generalizedTime(nextUpdate)),
  );
}

function encodeStatus(status: CertStatus): Uint8Array {
  switch (status.status) {
    case "good":
      return primitive(0, new Uint8Array(0));
    case "unknown":
      return primitive(2, new Uint8Array(0));
    case "revoked": {
      const code = REASONS.indexOf(status.reason);
      return constructed(
        1,
        generalizedTime(status.at),
        // an unspecified reason is absent, as in CRLs (RFC 5280 section 5.3.1)
        ...(code === 0 ? [] : [constructed(0, enumerated(code))]),
      );
    }
  }
}
