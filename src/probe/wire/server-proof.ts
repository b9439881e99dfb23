import { type KeyObject, X509Certificate } from "node:crypto";
import {
  BAD_CERTIFICATE,
  DECODE_ERROR,
  DECRYPT_ERROR,
  ILLEGAL_PARAMETER,
  UNSUPPORTED_CERTIFICATE,
} from "./alerts.ts";
import type { CertificateVerify } from "./handshake.ts";
import { ProtocolError } from "./protocol-error.ts";
import { fits } from "./schemes.ts";
import type { Settings } from "./settings.ts";
import { kindOf, verify } from "./signatures.ts";

/**
 * The key of a server's leaf certificate, once the caller trusts its chain.
 * @throws ProtocolError
 */
export function trustedKey(chain: readonly Uint8Array[], { trust }: Settings): KeyObject {
  const [leaf] = chain;
  if (leaf === undefined) throw new ProtocolError("a server without a certificate", DECODE_ERROR);
  const key = keyOf(leaf);
  if (!trust(chain)) throw new ProtocolError("a server that is not trusted", BAD_CERTIFICATE);
  return key;
}

function keyOf(leaf: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = new X509Certificate(leaf).publicKey;
  } catch {
    throw new ProtocolError("a server certificate that cannot be read", BAD_CERTIFICATE);
  }
  if (kindOf(key) === undefined) throw new ProtocolError("a key of an unknown kind", UNSUPPORTED_CERTIFICATE);
  return key;
}

/**
 * That the server holds the key of its certificate.
 * @param data what it must have signed
 * @throws ProtocolError for a scheme that was not offered, and for a signature that is not right
 */
export function checkServerProof(
  { scheme, signature }: CertificateVerify,
  key: KeyObject,
  data: Uint8Array,
  { schemes, version }: Settings,
): void {
  const kind = kindOf(key);
  if (!schemes.includes(scheme) || kind === undefined || !fits(scheme, kind, version)) {
    throw new ProtocolError("a signature scheme that does not fit", ILLEGAL_PARAMETER);
  }
  if (!verify(scheme, key, data, signature)) {
    throw new ProtocolError("the server's signature is wrong", DECRYPT_ERROR);
  }
}
