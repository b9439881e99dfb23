import { FleetsecError } from "../../errors.ts";
import { derReader, type Element, readSingle, tags } from "../der/read.ts";
import { bitStringOf, integerOf, oidOf } from "../der/values.ts";
import { oids } from "../oids.ts";
import { readAlgorithm } from "./signed.ts";

export type KeyType = "rsa" | "rsa-pss" | "ec" | "ed25519";

/** A public key as a certificate carries it. */
export interface PublicKey {
  /** Undefined for what is not accepted here at all. */
  readonly type: KeyType | undefined;
  /** For people: `EC P-256`, `RSA 2048`. */
  readonly label: string;
  /** Why it is not to be relied on; lowercase, no full stop. */
  readonly weakness: string | undefined;
  readonly spki: Uint8Array;
}

/** Size of an uncompressed point: 4, x, y. */
const CURVES: ReadonlyMap<string, { readonly label: string; readonly point: number }> = new Map<
  string,
  { readonly label: string; readonly point: number }
>([
  [oids.secp256r1, { label: "EC P-256", point: 65 }],
  [oids.secp384r1, { label: "EC P-384", point: 97 }],
  [oids.secp521r1, { label: "EC P-521", point: 133 }],
]);

/** RFC 5480 section 2.2 leaves it to implementations; Go, for one, takes none. */
export const COMPRESSED = "a compressed point, which many verifiers do not read";

const MIN_RSA_BITS = 2048;
/** Beyond it, verification costs more than any key is worth: a bound on time. */
const MAX_RSA_BITS = 8192;

/** Reads a SubjectPublicKeyInfo (RFC 3279, 5480, 8410). Never throws: what is wrong is its weakness. */
export function readPublicKey(spki: Uint8Array): PublicKey {
  try {
    return { ...describe(spki), spki };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return {
      type: undefined,
      label: "malformed key",
      weakness: `a ${error.message}`,
      spki,
    };
  }
}

const WHAT = "public key";

type Description = Omit<PublicKey, "spki">;

function describe(spki: Uint8Array): Description {
  const fields = derReader(readSingle(spki, tags.sequence, WHAT).contents, WHAT);
  const algorithm = readAlgorithm(fields.next(tags.sequence), WHAT);
  const key = bitStringOf(fields.next(tags.bitString), WHAT);
  fields.end();
  const { parameters } = algorithm;
  switch (algorithm.oid) {
    case oids.rsaEncryption:
      if (parameters?.tag !== tags.null) return refused("RSA", "RSA parameters that are not NULL");
      return describeRsa("rsa", key);
    case oids.rsassaPss:
      return describeRsa("rsa-pss", key);
    case oids.ecPublicKey:
      return describeEc(parameters, key);
    case oids.ed25519:
      if (parameters !== undefined || key.length !== 32) return refused("Ed25519", "a malformed Ed25519 key");
      return { type: "ed25519", label: "Ed25519", weakness: undefined };
    default:
      return refused(algorithm.oid, `a key of the unsupported type ${algorithm.oid}`);
  }
}

function refused(label: string, weakness: string): Description {
  return { type: undefined, label, weakness };
}

function describeRsa(type: "rsa" | "rsa-pss", key: Uint8Array): Description {
  const fields = derReader(readSingle(key, tags.sequence, WHAT).contents, WHAT);
  const modulus = integerOf(fields.next(tags.integer), WHAT);
  const exponent = integerOf(fields.next(tags.integer), WHAT);
  fields.end();
  const bits = bitLength(modulus);
  return { type, label: `RSA ${bits}`, weakness: rsaWeakness(modulus, exponent, bits) };
}

function rsaWeakness(modulus: Uint8Array, exponent: Uint8Array, bits: number): string | undefined {
  if ((modulus[0] ?? 0) > 0x7f || isEven(modulus)) return "a malformed RSA modulus";
  if (bits < MIN_RSA_BITS) return `an RSA key of ${bits} bits, less than ${MIN_RSA_BITS}`;
  if (bits > MAX_RSA_BITS) return `an RSA key of ${bits} bits, more than ${MAX_RSA_BITS}`;
  // 1 makes every signature valid; a long one makes verifying slow
  const usable =
    exponent.length <= 4 &&
    (exponent[0] ?? 0) < 0x80 &&
    !isEven(exponent) &&
    !(exponent.length === 1 && exponent[0] === 1);
  return usable ? undefined : "an unsafe RSA exponent";
}

function describeEc(parameters: Element | undefined, point: Uint8Array): Description {
  // explicit curve parameters have forged keys (CVE-2020-0601): only names count
  if (parameters?.tag !== tags.oid) return refused("EC", "an elliptic curve without a name");
  const oid = oidOf(parameters, WHAT);
  const curve = CURVES.get(oid);
  if (curve === undefined) return refused(`EC ${oid}`, `a key on the unsupported curve ${oid}`);
  const isUncompressed = point[0] === 4 && point.length === curve.point;
  const isCompressed = (point[0] === 2 || point[0] === 3) && point.length === (curve.point + 1) / 2;
  const otherwise = isCompressed ? COMPRESSED : "a malformed point";
  return { type: "ec", label: curve.label, weakness: isUncompressed ? undefined : otherwise };
}

function bitLength(bytes: Uint8Array): number {
  const start = bytes.findIndex((octet) => octet !== 0);
  return start === -1 ? 0 : (bytes.length - start) * 8 - Math.clz32(bytes[start] ?? 0) + 24;
}

function isEven(bytes: Uint8Array): boolean {
  return (bytes.at(-1) ?? 0) % 2 === 0;
}
