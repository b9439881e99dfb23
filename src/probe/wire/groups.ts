import { createECDH, createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { ILLEGAL_PARAMETER } from "./alerts.ts";
import { ProtocolError } from "./protocol-error.ts";

/** NamedGroup code points (RFC 8446, section 4.2.7). */
export const groups = { secp256r1: 0x0017, secp384r1: 0x0018, secp521r1: 0x0019, x25519: 0x001d } as const;
export type Group = keyof typeof groups;

/** Our half of one key agreement. */
export interface KeyShare {
  readonly group: Group;
  /** As it goes over the wire: an uncompressed point, or 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The shared secret with a peer's public key. @throws ProtocolError for one that is not in the group */
  agree(peer: Uint8Array): Uint8Array;
}

export type RandomBytes = (length: number) => Uint8Array;

export function groupOf(code: number): Group | undefined {
  return (Object.keys(groups) as Group[]).find((name) => groups[name] === code);
}

/** A new ephemeral key. @param random the source of its private key */
export function keyShare(group: Group, random: RandomBytes): KeyShare {
  switch (group) {
    case "x25519":
      return x25519Share(random(32));
    case "secp256r1":
      return ecdhShare(group, "prime256v1", 32, random);
    case "secp384r1":
      return ecdhShare(group, "secp384r1", 48, random);
    case "secp521r1":
      return ecdhShare(group, "secp521r1", 66, (length) => of521Bits(random(length)));
  }
}

/** Keys as RFC 8037 writes them: OpenSSL takes ten times as long to read DER. */
function x25519Share(secret: Uint8Array): KeyShare {
  // of a private key, x is what follows from d, and is not read
  const privateKey = createPrivateKey({ key: { ...X25519, d: base64url(secret), x: "" }, format: "jwk" });
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return {
    group: "x25519",
    publicKey: Buffer.from(x, "base64url"),
    agree: (peer) =>
      agreed(() => {
        const publicKey = createPublicKey({ key: { ...X25519, x: base64url(peer) }, format: "jwk" });
        // fails for a point of small order, as RFC 7748, section 6.1 wants it
        return diffieHellman({ privateKey, publicKey });
      }),
  };
}

const X25519 = { kty: "OKP", crv: "X25519" };

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

/** The order of P-521 has 521 bits, one in the first byte. */
function of521Bits(scalar: Uint8Array): Uint8Array {
  return Uint8Array.from(scalar, (byte, i) => (i === 0 ? byte & 1 : byte));
}

function ecdhShare(group: Group, curve: string, length: number, random: RandomBytes): KeyShare {
  const ecdh = createECDH(curve);
  try {
    ecdh.setPrivateKey(random(length));
  } catch {
    // one draw of 2^32 is not a scalar of P-256; two in a row are a fault of the source
    ecdh.setPrivateKey(random(length));
  }
  const publicKey = ecdh.getPublicKey();
  return {
    group,
    publicKey,
    agree: (peer) =>
      agreed(() => {
        // only uncompressed points (RFC 8446, section 4.2.8.2); node would take the others too
        if (peer[0] !== 4 || peer.length !== publicKey.length) throw new Error("not an uncompressed point");
        return ecdh.computeSecret(peer);
      }),
  };
}

function agreed(compute: () => Uint8Array): Uint8Array {
  try {
    return compute();
  } catch {
    throw new ProtocolError("the server's key share is not in its group", ILLEGAL_PARAMETER);
  }
}
