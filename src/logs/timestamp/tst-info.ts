import { derReader, type Element, elementsOf, malformed, readSingle, tags } from "../../pki/der/read.ts";
import { integerOf, oidOf, smallIntegerOf } from "../../pki/der/values.ts";
import { type AlgorithmIdentifier, readAlgorithm } from "../../pki/verify/signed.ts";

/** What a time-stamp token says (RFC 3161 section 2.4.2). */
export interface TstInfo {
  readonly imprint: { readonly algorithm: AlgorithmIdentifier; readonly digest: Uint8Array };
  /** Milliseconds since the epoch; a finer fraction is cut off. */
  readonly time: number;
  /** The request's, as INTEGER bytes; undefined where it had none. */
  readonly nonce: Uint8Array | undefined;
}

/** @throws FleetsecError `input` */
export function readTstInfo(der: Uint8Array, what: string): TstInfo {
  const fields = derReader(readSingle(der, tags.sequence, what).contents, what);
  if (smallIntegerOf(fields.next(tags.integer), what) !== 1)
    throw malformed(what, "a TSTInfo of another version");
  oidOf(fields.next(tags.oid), what); // the policy
  const imprint = derReader(fields.next(tags.sequence).contents, what);
  const algorithm = readAlgorithm(imprint.next(tags.sequence), what);
  const digest = imprint.next(tags.octetString).contents;
  imprint.end();
  integerOf(fields.next(tags.integer), what); // the serial number
  const time = genTimeOf(fields.next(tags.generalizedTime), what);
  fields.optional(tags.sequence); // the accuracy
  fields.optional(tags.boolean); // whether tokens of this authority can be ordered
  const nonce = fields.optional(tags.integer);
  fields.optional(tags.constructed(0)); // the authority's name, which its certificate has too
  const extensions = fields.optional(tags.constructed(1));
  fields.end();
  if (extensions !== undefined) refuseCritical(extensions, what);
  return {
    imprint: { algorithm, digest },
    time,
    nonce: nonce === undefined ? undefined : integerOf(nonce, what),
  };
}

/** Section 2.4.2: seconds, and a fraction without trailing zeros. */
function genTimeOf({ contents }: Element, what: string): number {
  const text = contents.length > 40 ? "" : Buffer.from(contents).toString("latin1");
  const [, year, month, day, hour, minute, second, fraction = ""] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d*[1-9]))?Z$/.exec(text) ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, "0")}Z`;
  const time = Date.parse(iso);
  // what does not exist rolls over, or is no date at all
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso)
    throw malformed(what, "a time that is none");
  return time;
}

/** None is known here that could be critical. */
function refuseCritical(extensions: Element, what: string): void {
  for (const { contents } of elementsOf(extensions.contents, what)) {
    const fields = derReader(contents, what);
    oidOf(fields.next(tags.oid), what);
    if (fields.optional(tags.boolean) !== undefined) throw malformed(what, "a critical extension");
  }
}
