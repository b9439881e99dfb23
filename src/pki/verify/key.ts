import { createPublicKey, type KeyObject } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { type Element, encodingOf, fieldsOf, hex, readWhole, TAG } from "./der.ts";
import { readAlgorithm } from "./signed.ts";
import { integerOf, octetsOf, oidOf } from "./values.ts";

export type KeyType = "rsa" | "rsa-pss" | "ec" | "ed25519";

/** A public key as a certificate carries it. */
export interface PublicKey {
  /** Undefined for what is not accepted here at all. */
  readonly type: KeyType | undefined;
  /** For people: `EC P-256`, `RSA 2048`. */
  readonly label: string;
  /** Why it is not to be relied on; lowercase, no full stop. */
  readonly weakness: string | undefined;
  readonly spki: Element;
}

/** Size of an uncompressed point: 4, x, y. */
const CURVES: ReadonlyMap<string, { readonly label: string; readonly point: number }> = new Map([
  ["1.2.840.10045.3.1.7", { label: "EC P-256", point: 65 }],
  ["1.3.132.0.34", { label: "EC P-384", point: 97 }],
  ["1.3.132.0.35", { label: "EC P-521", point: 133 }],
]);

const MIN_RSA_BITS = 2048;
/** Beyond it, verification costs more than any key is worth: a bound on time. */
const MAX_RSA_BITS = 8192;

/** Reads a SubjectPublicKeyInfo (RFC 3279, 5480, 8410). Never throws: what is wrong is its weakness. */
export function readPublicKey(spki: Element): PublicKey {
  try {
    return { ...describe(spki), spki };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return {
      type: undefined,
      label: "malformed key",
      weakness: `a malformed public key: ${error.message}`,
      spki,
    };
  }
}

/** The key for node:crypto, or undefined where OpenSSL does not read it (a point off its curve). */
export function keyObjectOf(key: PublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(encodingOf(key.spki)), format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

type Description = Omit<PublicKey, "spki">;

function describe(spki: Element): Description {
  const fields = fieldsOf(spki);
  const algorithm = readAlgorithm(fields.take(TAG.sequence));
  const key = octetsOf(fields.take(TAG.bitString));
  fields.done();
  const { parameters } = algorithm;
  switch (algorithm.oid) {
    case "1.2.840.113549.1.1.1":
      if (parameters?.tag !== TAG.null) return refused("RSA", "RSA parameters that are not NULL");
      return describeRsa("rsa", key);
    case "1.2.840.113549.1.1.10":
      return describeRsa("rsa-pss", key);
    case "1.2.840.10045.2.1":
      return describeEc(parameters, key);
    case "1.3.101.112":
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
  const fields = fieldsOf(readWhole(key, TAG.sequence));
  const modulus = integerOf(fields.take(TAG.integer));
  const exponent = integerOf(fields.take(TAG.integer));
  fields.done();
  const bits = bitLength(modulus);
  return { type, label: `RSA ${bits}`, weakness: rsaWeakness(modulus, exponent, bits) };
}

function rsaWeakness(modulus: Uint8Array, exponent: Uint8Array, bits: number): string | undefined {
  if ((modulus[0] ?? 0) > 0x7f || isEven(modulus)) return "a malformed RSA modulus";
  if (bits < MIN_RSA_BITS) return `an RSA key of ${bits} bits, less than ${MIN_RSA_BITS}`;
  if (bits > MAX_RSA_BITS) return `an RSA key of ${bits} bits, more than ${MAX_RSA_BITS}`;
  // 1 makes every signature valid; a long one makes verifying slow
  const usable =
    exponent.length <= 4 && (exponent[0] ?? 0) < 0x80 && !isEven(exponent) && hex(exponent) !== "01";
  return usable ? undefined : "an unsafe RSA exponent";
}

function describeEc(parameters: Element | undefined, point: Uint8Array): Description {
  // explicit curve parameters have forged keys (CVE-2020-0601): only names count
  if (parameters?.tag !== TAG.oid) return refused("EC", "an elliptic curve without a name");
  const oid = oidOf(parameters);
  const curve = CURVES.get(oid);
  if (curve === undefined) return refused(`EC ${oid}`, `a key on the unsupported curve ${oid}`);
  const uncompressed = point[0] === 4 && point.length === curve.point;
  return { type: "ec", label: curve.label, weakness: uncompressed ? undefined : "a malformed point" };
}

function bitLength(bytes: Uint8Array): number {
  const start = bytes.findIndex((octet) => octet !== 0);
  return start === -1 ? 0 : (bytes.length - start) * 8 - Math.clz32(bytes[start] ?? 0) + 24;
}

function isEven(bytes: Uint8Array): boolean {
  return (bytes.at(-1) ?? 0) % 2 === 0;
}
