import { createHash, createPublicKey } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { CK, type Handle, reasonOf } from "./cryptoki.ts";
import type { Session } from "./session.ts";

type Hash = "sha256" | "sha384" | "sha512";

/** DigestInfo up to the digest (RFC 8017 section 9.2, note 1). */
const DIGEST_INFO: Readonly<Record<Hash, string>> = {
  sha256: "3031300d060960864801650304020105000420",
  sha384: "3041300d060960864801650304020205000430",
  sha512: "3051300d060960864801650304020305000440",
};

/** Room for the signature of an RSA key of 8192 bits. */
const MAX_SIGNATURE = 1024;

/**
 * Signs in the token. It hashes nothing: every library can sign a digest, few can more.
 * To be called within `session.run`.
 */
export async function signWith(
  { library, handle }: Session,
  key: Handle,
  spki: Uint8Array,
  data: Uint8Array,
  hash: Hash,
): Promise<Uint8Array> {
  const { asymmetricKeyType: type } = createPublicKey({
    key: Buffer.from(spki),
    format: "der",
    type: "spki",
  });
  const digest = () => createHash(hash).update(data).digest();
  const [mechanism, input] =
    type === "ec"
      ? [CK.ECDSA, digest()]
      : type === "rsa"
        ? [CK.RSA_PKCS, Buffer.concat([Buffer.from(DIGEST_INFO[hash], "hex"), digest()])]
        : [CK.EDDSA, Buffer.from(data)];
  try {
    library.C_SignInit(handle, { mechanism }, key);
    const signature = await library.C_SignAsync(handle, input, Buffer.alloc(MAX_SIGNATURE));
    return type === "ec" ? ecdsaDer(signature) : signature;
  } catch (cause) {
    throw new FleetsecError("engine", `the token did not sign: ${reasonOf(cause)}`, {
      hint: "see that the token is still there, and that the key may sign",
      cause,
    });
  }
}

/** r and s side by side as Ecdsa-Sig-Value (RFC 3279 section 2.2.3). */
function ecdsaDer(raw: Buffer): Uint8Array {
  const integers = [raw.subarray(0, raw.length / 2), raw.subarray(raw.length / 2)].map((half) => {
    let start = 0;
    while (start < half.length - 1 && half[start] === 0) start += 1;
    const magnitude = half.subarray(start);
    const sign = (magnitude[0] ?? 0) > 0x7f ? [0] : [];
    return Buffer.from([2, sign.length + magnitude.length, ...sign, ...magnitude]);
  });
  const body = Buffer.concat(integers);
  // P-521 is the only curve whose sequence is longer than 127 bytes
  return Buffer.concat([
    Buffer.from(body.length > 0x7f ? [0x30, 0x81, body.length] : [0x30, body.length]),
    body,
  ]);
}
