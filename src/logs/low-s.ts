/**
 * ECDSA signatures in one form only. Whoever has a signature (r, s) can write (r, n - s), which holds
 * too: where no byte of a store may change unnoticed, `s` is the smaller one of the two (as in BIP 146).
 */

/** The order of P-256 (FIPS 186-5, SP 800-186). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** Tags of DER. Nothing in a P-256 signature is long enough for a length of several bytes. */
const [SEQUENCE, INTEGER] = [0x30, 0x02];

/** Whether a signature that P-256 verifies, and so is right DER, has the smaller `s`. */
export function hasLowS(signature: Uint8Array): boolean {
  return read(signature).s <= ORDER / 2n;
}

/** The same signature with the smaller `s`; as it is where it has it. It must be one that P-256 verifies. */
export function withLowS(signature: Uint8Array): Uint8Array {
  const { r, s } = read(signature);
  if (s <= ORDER / 2n) return signature;
  const contents = Buffer.concat([r, integer(ORDER - s)]);
  return Buffer.concat([Buffer.of(SEQUENCE, contents.length), contents]);
}

/** SEQUENCE { r, s }: the former as it stands, with its tag. */
function read(signature: Uint8Array): { readonly r: Uint8Array; readonly s: bigint } {
  const rEnd = 4 + (signature[3] ?? 0);
  const s = Buffer.from(signature.subarray(rEnd + 2)).toString("hex");
  return { r: signature.subarray(2, rEnd), s: BigInt(`0x0${s}`) };
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  // the first bit is a sign
  const positive = (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
  return Buffer.concat([Buffer.of(INTEGER, positive.length), positive]);
}
