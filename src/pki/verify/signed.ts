import { derReader, type Element, readSingle, tags } from "../der/read.ts";
import { bitStringOf, oidOf } from "../der/values.ts";

export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: Element | undefined;
  readonly der: Uint8Array;
}

/** What certificates and CRLs have in common: a body, and a signature over its exact bytes. */
export interface Signed {
  /** What the signature covers. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
}

/** SIGNED ::= SEQUENCE { body, algorithm, signature }. @throws FleetsecError `input` */
export function readSigned(der: Uint8Array, what: string): Signed & { readonly body: Element } {
  // views of a plain array cost half of those of a Buffer, and a long CRL takes a million of them
  const plain = new Uint8Array(der.buffer, der.byteOffset, der.byteLength);
  const fields = derReader(readSingle(plain, tags.sequence, what).contents, what);
  const body = fields.next(tags.sequence);
  const signatureAlgorithm = readAlgorithm(fields.next(tags.sequence), what);
  const signature = bitStringOf(fields.next(tags.bitString), what);
  fields.end();
  return { body, tbs: body.raw, signatureAlgorithm, signature };
}

export function readAlgorithm(element: Element, what: string): AlgorithmIdentifier {
  const fields = derReader(element.contents, what);
  const oid = oidOf(fields.next(tags.oid), what);
  const parameters = fields.done() ? undefined : fields.next();
  fields.end();
  return { oid, parameters, der: element.raw };
}

/** RFC 5280 sections 4.1.1.2 and 5.1.1.2: the algorithm is named in the body, too, and identically. */
export function isSameAlgorithm(a: AlgorithmIdentifier, b: AlgorithmIdentifier): boolean {
  return Buffer.compare(a.der, b.der) === 0;
}
