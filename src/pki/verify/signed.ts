import { type Element, encodingOf, fieldsOf, readWhole, TAG } from "./der.ts";
import { octetsOf, oidOf } from "./values.ts";

export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: Element | undefined;
  readonly encoding: Uint8Array;
}

/** What certificates and CRLs have in common: a body, and a signature over its exact bytes. */
export interface Signed {
  /** What the signature covers. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
}

/** SIGNED ::= SEQUENCE { body, algorithm, signature }. @throws FleetsecError `input` */
export function readSigned(der: Uint8Array): Signed & { readonly body: Element } {
  const fields = fieldsOf(readWhole(der, TAG.sequence));
  const body = fields.take(TAG.sequence);
  const signatureAlgorithm = readAlgorithm(fields.take(TAG.sequence));
  const signature = octetsOf(fields.take(TAG.bitString));
  fields.done();
  return { body, tbs: encodingOf(body), signatureAlgorithm, signature };
}

export function readAlgorithm(element: Element): AlgorithmIdentifier {
  const fields = fieldsOf(element);
  const oid = oidOf(fields.take(TAG.oid));
  const parameters = fields.more() ? fields.any() : undefined;
  fields.done();
  return { oid, parameters, encoding: encodingOf(element) };
}

/** RFC 5280 sections 4.1.1.2 and 5.1.1.2: the algorithm is named in the body, too, and identically. */
export function isSameAlgorithm(a: AlgorithmIdentifier, b: AlgorithmIdentifier): boolean {
  return Buffer.compare(a.encoding, b.encoding) === 0;
}
