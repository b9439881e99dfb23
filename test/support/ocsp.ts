import { createHash, verify, X509Certificate } from "node:crypto";
import { derReader, elementsOf, readSingle, tags } from "../../src/pki/der/read.ts";
import { bitStringOf, integerOf, timeOf } from "../../src/pki/der/values.ts";
import { constructed, integer, nullValue, octetString, oid, sequence } from "../../src/pki/der/write.ts";
import { extension, keyHash } from "../../src/pki/extensions.ts";
import { oids } from "../../src/pki/oids.ts";
import { type Certificate, serialOf } from "../../src/pki/verify/certificate.ts";
import { readExtensions } from "../../src/pki/verify/extensions.ts";

/** DER of a CertID, as RFC 6960 section 4.1.1 has it. */
export function encodeCertId(
  issuer: Certificate,
  serial: string,
  hash: "sha1" | "sha256" = "sha1",
): Uint8Array {
  return sequence(
    sequence(oid(oids[hash]), nullValue()),
    octetString(createHash(hash).update(issuer.subject.der).digest()),
    octetString(keyHash(issuer.spki, hash)),
    integer(Buffer.from(serial, "hex")),
  );
}

/** DER of an OCSPRequest. */
export function encodeRequest(certIds: readonly Uint8Array[], nonce?: Uint8Array): Uint8Array {
  return sequence(
    sequence(
      sequence(...certIds.map((id) => sequence(id))),
      ...(nonce === undefined
        ? []
        : [requestExtensions(extension(oids.ocspNonce, false, octetString(nonce)))]),
    ),
  );
}

export function requestExtensions(...extensions: readonly Uint8Array[]): Uint8Array {
  return constructed(2, sequence(...extensions));
}

export interface ReadResponse {
  /** OCSPResponseStatus. */
  readonly status: number;
  readonly basic?: {
    readonly producedAt: number;
    readonly nonce: Uint8Array | undefined;
    readonly signer: X509Certificate;
    readonly responses: readonly ReadSingle[];
  };
}

export interface ReadSingle {
  readonly certId: Uint8Array;
  readonly serial: string;
  readonly status: "good" | "revoked" | "unknown";
  readonly revokedAt?: number;
  /** CRLReason. */
  readonly reason?: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/** Reads a response, and checks its signature with the certificate in it. */
export function readResponse(der: Uint8Array): ReadResponse {
  const fields = derReader(readSingle(der, tags.sequence, "response").contents, "response");
  const status = fields.next(tags.enumerated).contents[0] ?? -1;
  if (fields.done()) return { status };
  const bytes = derReader(
    readSingle(fields.next(tags.constructed(0)).contents, tags.sequence, "bytes").contents,
    "bytes",
  );
  fields.end();
  bytes.next(tags.oid);
  const basic = derReader(
    readSingle(bytes.next(tags.octetString).contents, tags.sequence, "basic").contents,
    "basic",
  );
  const tbs = basic.next(tags.sequence);
  basic.next(tags.sequence);
  const signature = bitStringOf(basic.next(tags.bitString), "signature");
  const certificates = readSingle(basic.next(tags.constructed(0)).contents, tags.sequence, "certificates");
  basic.end();
  const signer = new X509Certificate(certificates.contents);
  if (!verify("sha256", tbs.raw, signer.publicKey, signature)) throw new Error("the signature is wrong");
  const data = derReader(tbs.contents, "data");
  data.next(tags.constructed(2));
  const producedAt = timeOf(data.next(tags.generalizedTime), "producedAt");
  const responses = [...elementsOf(data.next(tags.sequence).contents, "responses")].map(({ contents }) =>
    readSingleResponse(contents),
  );
  const extensions = data.optional(tags.constructed(1));
  data.end();
  const nonce =
    extensions === undefined ? undefined : readExtensions(extensions.contents, "extensions")[0]?.value;
  return {
    status,
    basic: {
      producedAt,
      nonce: nonce === undefined ? undefined : readSingle(nonce, tags.octetString, "nonce").contents,
      signer,
      responses,
    },
  };
}

const STATUSES = new Map<number, ReadSingle["status"]>([
  [tags.primitive(0), "good"],
  [tags.constructed(1), "revoked"],
  [tags.primitive(2), "unknown"],
]);

function readSingleResponse(contents: Uint8Array): ReadSingle {
  const single = derReader(contents, "single response");
  const certId = single.next(tags.sequence);
  const id = derReader(certId.contents, "CertID");
  for (const tag of [tags.sequence, tags.octetString, tags.octetString]) id.next(tag);
  const serial = serialOf(integerOf(id.next(tags.integer), "serial"));
  const element = single.next();
  const status = STATUSES.get(element.tag);
  if (status === undefined) throw new Error(`a status of tag ${element.tag}`);
  const info = derReader(element.contents, "status");
  const revokedAt = info.done() ? undefined : timeOf(info.next(tags.generalizedTime), "revocationTime");
  const reason = info.optional(tags.constructed(0))?.contents[2];
  const thisUpdate = timeOf(single.next(tags.generalizedTime), "thisUpdate");
  const nextUpdate = timeOf(
    readSingle(single.next(tags.constructed(0)).contents, tags.generalizedTime, "nextUpdate"),
    "nextUpdate",
  );
  single.end();
  return {
    certId: certId.raw,
    serial,
    status,
    ...(revokedAt === undefined ? {} : { revokedAt }),
    ...(reason === undefined ? {} : { reason }),
    thisUpdate,
    nextUpdate,
  };
}
