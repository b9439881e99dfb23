import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { FleetsecError } from "../errors.ts";
import { withLowS } from "./low-s.ts";
import { formatNote, type NoteSignature } from "./note.ts";
import { type VerifierKey, verifierKey, verifySignature } from "./verifier-key.ts";

/**
 * A key that signs a log's checkpoints. The private key may be in this process, in an HSM or behind
 * a command: only its signatures are seen here.
 */
export interface LogSigner {
  readonly key: VerifierKey;
  /** The signature over a note's text as the key's type demands it, without the key id. */
  sign(text: string): Promise<Uint8Array>;
}

/** A signer whose private key is at hand. */
export function localSigner(key: VerifierKey, privateKey: KeyObject): LogSigner {
  return {
    key,
    sign: async (text) => sign(key.type === "p256" ? "sha256" : null, Buffer.from(text), privateKey),
  };
}

/** A private key that stays where it is: in an HSM or a TPM. */
export interface RemoteKey {
  /** The public key as DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Ed25519 over the data itself, or ECDSA over their SHA-256, in DER. */
  readonly sign: (data: Uint8Array, hash: "sha256") => Promise<Uint8Array>;
}

/**
 * A signer whose private key is in a token.
 * @throws FleetsecError `input` on a key that is neither Ed25519 nor P-256
 */
export function remoteSigner(name: string, { spki, sign: signRemotely }: RemoteKey): LogSigner {
  const publicKey = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  const type = publicKey.asymmetricKeyType === "ed25519" ? "ed25519" : "p256";
  return {
    key: verifierKey(name, type, publicKey),
    sign: async (text) => signRemotely(Buffer.from(text), "sha256"),
  };
}

/**
 * The note over `text`, signed by every signer. Each signature is verified before it is used: a
 * faulty HSM or command must not publish a checkpoint that nobody can verify. ECDSA's is written in the
 * one form that a store has.
 */
export async function signNote(text: string, signers: readonly LogSigner[]): Promise<string> {
  const signatures: NoteSignature[] = [];
  for (const signer of signers) {
    const { key } = signer;
    const signature = await signer.sign(text);
    if (!verifySignature(key, text, signature)) {
      throw new FleetsecError(
        "engine",
        `the signer of ${key.name} made a signature that its public key does not verify`,
      );
    }
    const canonical = key.type === "p256" ? withLowS(signature) : signature;
    signatures.push({ name: key.name, keyId: key.keyId, signature: canonical });
  }
  return formatNote({ text, signatures });
}
