import type { KeyObject } from "node:crypto";
import { type CertificateRequest, type CertificateVerify, signedContent } from "./handshake.ts";
import { allSchemes, fits, type SigningKey } from "./schemes.ts";
import type { Proof } from "./script.ts";
import type { WireIdentity, WireVersion } from "./settings.ts";
import { kindOf, sign } from "./signatures.ts";
import type { Transcript } from "./transcript.ts";
import type { CipherSuite } from "./cipher-suites.ts";

/**
 * The scheme in which a client answers a request: one that the server lists, or undefined where none
 * of those fits the key (RFC 8446, section 4.4.2.3).
 */
export function schemeFor(
  key: KeyObject,
  request: Pick<CertificateRequest, "schemes">,
  version: WireVersion,
): number | undefined {
  const kind = kindOf(key);
  return allSchemes.find(
    (code) => kind !== undefined && fits(code, kind, version) && request.schemes.includes(code),
  );
}

/** What is signed: the handshake so far. */
export interface Signable {
  readonly version: WireVersion;
  readonly hash: CipherSuite["hash"];
  readonly transcript: Transcript;
}

/** A CertificateVerify that is right but for what the script says. */
export function prove(
  proof: Proof,
  identity: WireIdentity,
  request: CertificateRequest | undefined,
  signable: Signable,
): CertificateVerify {
  const { version } = signable;
  const key = signerOf(proof, identity);
  const listed = request && schemeFor(key, request, version);
  // an attack goes on where the server lists nothing that fits
  const scheme = listed ?? schemeFor(key, { schemes: allSchemes }, version);
  if (scheme === undefined) throw new RangeError("a key that TLS has no signature for");
  return { scheme, signature: altered(proof, sign(scheme, key, contentOf(proof, signable)), key) };
}

function signerOf({ by, scheme }: Proof, { key, impostors }: WireIdentity): KeyObject {
  if (by === undefined && scheme === undefined) return key;
  const own = kindOf(key);
  const wanted = (kind: SigningKey | undefined) => (scheme === "other-kind" ? kind !== own : kind === own);
  const signer = impostors.find((impostor) => wanted(kindOf(impostor)));
  if (signer === undefined) throw new RangeError("no impostor's key of the kind that the script needs");
  return signer;
}

/** Bytes that no handshake has at its end: what is signed with them is another handshake. */
const ELSEWHERE = Buffer.from("another handshake");

function contentOf({ over }: Proof, { version, hash, transcript }: Signable): Uint8Array {
  const more = over === "another-handshake" ? ELSEWHERE : Buffer.alloc(0);
  if (version === "1.2") return transcript.bytes(more);
  return signedContent(over === "server-context" ? "server" : "client", transcript.hash(hash, more));
}

/** DER of an ECDSA signature with r = s = 0, which verifies everything where nobody looks (CVE-2022-21449). */
const ZERO_R_S = Buffer.from("3006020100020100", "hex");

function altered({ signature }: Proof, made: Uint8Array, key: KeyObject): Uint8Array {
  switch (signature) {
    case "bit-flip":
      return made.map((byte, i) => (i === made.length - 1 ? byte ^ 1 : byte));
    case "zeros":
      return new Uint8Array(made.length);
    case "empty":
      return new Uint8Array();
    case "zero-r-s":
      return key.asymmetricKeyType === "ec" ? ZERO_R_S : new Uint8Array(made.length);
  }
  return made;
}
