import { createPublicKey } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { CK, type Template } from "./cryptoki.ts";

/** Key types that can be made in a token. */
export type TokenKeyType = "p256" | "p384" | "ed25519" | "rsa3072";

interface Curve {
  /** JWK's name. */
  readonly name: string;
  /** DER of the curve's OBJECT IDENTIFIER: CKA_EC_PARAMS (RFC 5480 section 2.1.1). */
  readonly oid: Buffer;
  /** Bytes of a coordinate. */
  readonly size: number;
}

const CURVES: Readonly<Record<"p256" | "p384" | "p521", Curve>> = {
  p256: { name: "P-256", oid: Buffer.from("06082a8648ce3d030107", "hex"), size: 32 },
  p384: { name: "P-384", oid: Buffer.from("06052b81040022", "hex"), size: 48 },
  p521: { name: "P-521", oid: Buffer.from("06052b81040023", "hex"), size: 66 },
};

/** CKA_EC_PARAMS of Ed25519: the name as a PrintableString (PKCS #11, section 6.3.5), which SoftHSM wants. */
const EDWARDS25519 = Buffer.from("130c656477617264733235353139", "hex");

/** How a key pair of a type is made. */
export function generation(type: TokenKeyType): { mechanism: number; publicTemplate: Template } {
  switch (type) {
    case "p256":
    case "p384":
      return {
        mechanism: CK.EC_KEY_PAIR_GEN,
        publicTemplate: [{ type: CK.EC_PARAMS, value: CURVES[type].oid }],
      };
    case "ed25519":
      return {
        mechanism: CK.EC_EDWARDS_KEY_PAIR_GEN,
        publicTemplate: [{ type: CK.EC_PARAMS, value: EDWARDS25519 }],
      };
    case "rsa3072":
      return {
        mechanism: CK.RSA_PKCS_KEY_PAIR_GEN,
        publicTemplate: [
          { type: CK.MODULUS_BITS, value: 3072 },
          { type: CK.PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
        ],
      };
  }
}

/** The attributes that a public key of a CKK type is made of. */
export function publicKeyAttributes(type: number): number[] {
  return type === CK.RSA ? [CK.MODULUS, CK.PUBLIC_EXPONENT] : [CK.EC_PARAMS, CK.EC_POINT];
}

/**
 * DER SubjectPublicKeyInfo from those attributes.
 * @throws FleetsecError `input` for a key of another kind, or a point that is none
 */
export function spkiFrom(type: number, values: readonly Buffer[]): Uint8Array {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = values;
  const base64 = (bytes: Buffer) => bytes.toString("base64url");
  try {
    if (type === CK.RSA) return exported({ kty: "RSA", n: base64(first), e: base64(second) });
    const point = pointOf(second);
    const curve = Object.values(CURVES).find(({ oid }) => oid.equals(first));
    if (type === CK.EC && curve !== undefined && point.length === 1 + 2 * curve.size && point[0] === 4) {
      const [x, y] = [point.subarray(1, 1 + curve.size), point.subarray(1 + curve.size)];
      return exported({ kty: "EC", crv: curve.name, x: base64(x), y: base64(y) });
    }
    if (type === CK.EC_EDWARDS && point.length === 32) {
      return exported({ kty: "OKP", crv: "Ed25519", x: base64(point) });
    }
  } catch (cause) {
    throw new FleetsecError("input", "the token's public key cannot be read", { cause });
  }
  throw new FleetsecError("input", "the token's key is of a type that is not supported", {
    hint: "use P-256, P-384, Ed25519 or RSA",
  });
}

function exported(key: Record<string, string>): Uint8Array {
  return createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "der" });
}

/** CKA_EC_POINT is the point within an OCTET STRING; some libraries leave that out. */
function pointOf(value: Buffer): Buffer {
  if (value[0] === 4 && value[1] === value.length - 2) return value.subarray(2);
  if (value[0] === 4 && value[1] === 0x81 && value[2] === value.length - 3) return value.subarray(3);
  return value;
}
