import { FleetsecError } from "../../errors.ts";
import { type Checkpoint, parseCheckpoint } from "../checkpoint.ts";
import { hasLowS } from "../low-s.ts";
import { type Note, parseNote } from "../note.ts";
import { cosignatureTime, signatureBy, type VerifierKey, verifySignature } from "../verifier-key.ts";
import type { FindingCode } from "./finding.ts";
import { type LogKey, maySign, type Trust } from "./trust.ts";

/** A checkpoint whose log's signature is verified. */
export interface SignedCheckpoint extends Checkpoint {
  /** The signed note. */
  readonly note: string;
  /** Keys of the log that signed it and may sign that size. */
  readonly keys: readonly LogKey[];
  /** Keys of the log that signed it though they may not. */
  readonly outOfRange: readonly LogKey[];
  /** Keys of the log whose ECDSA signature has the larger `s`: `logs sign` never writes it. */
  readonly highS: readonly LogKey[];
  /** Witnesses whose cosignature is valid, by the policy's names, and when they made it (Unix seconds). */
  readonly cosigned: ReadonlyMap<string, number>;
}

/** Why a note is no checkpoint to believe. */
export interface NoteFault {
  readonly code: Extract<
    FindingCode,
    "NOTE_MALFORMED" | "ORIGIN_MISMATCH" | "KEY_UNKNOWN" | "SIG_INVALID" | "KEY_OUT_OF_RANGE"
  >;
  readonly detail: string;
}

/** A note that has the form of a checkpoint. Nothing of it is verified. */
export interface ParsedCheckpoint {
  readonly bytes: Uint8Array;
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

/** A checkpoint whose signatures are verified, or why it is none to believe. */
export function openCheckpoint(
  bytes: Uint8Array,
  trust: Pick<Trust, "logs" | "witnesses">,
): SignedCheckpoint | NoteFault {
  return verifyCheckpoint(parseSigned(bytes), trust);
}

/**
 * Verifies a checkpoint's signatures as C2SP signed-note says: one known key must have signed, and
 * a known key's signature that fails condemns the whole note. Signatures of other keys are ignored.
 */
export function verifyCheckpoint(
  parsed: ParsedCheckpoint | NoteFault,
  trust: Pick<Trust, "logs" | "witnesses">,
): SignedCheckpoint | NoteFault {
  if ("code" in parsed) return parsed;
  const { bytes, note, checkpoint } = parsed;
  const keys = trust.logs.filter(({ name }) => name === checkpoint.origin);
  if (keys.length === 0) {
    return {
      code: "ORIGIN_MISMATCH",
      detail: `it is of ${checkpoint.origin}; the trust file names ${originsOf(trust)}`,
    };
  }
  const fault = signatureFault(note, [...keys, ...trust.witnesses.values()]);
  if (fault !== undefined) return fault;
  const signers = keys.filter((key) => signatureBy(key, note) !== undefined);
  if (signers.length === 0) {
    return {
      code: "KEY_UNKNOWN",
      detail: `no key of the trust file signed it, but ${note.signatures.map(keyName).join(", ")}`,
    };
  }
  const outOfRange = signers.filter((key) => !maySign(key, checkpoint.size));
  if (outOfRange.length === signers.length) {
    return { code: "KEY_OUT_OF_RANGE", detail: outOfRangeText(checkpoint.size, outOfRange) };
  }
  // no spreading here, nor where a batch is digested: it takes as long as to read a small file
  const { origin, size, root } = checkpoint;
  return {
    origin,
    size,
    root,
    outOfRange,
    highS: signers.filter((key) => hasHighS(key, note)),
    note: Buffer.from(bytes).toString("utf8"),
    keys: signers.filter((key) => maySign(key, checkpoint.size)),
    cosigned: cosignaturesOf(note, trust),
  };
}

function hasHighS(key: LogKey, note: Note): boolean {
  const own = key.type === "p256" ? signatureBy(key, note) : undefined;
  return own !== undefined && !hasLowS(own.signature);
}

/** Which keys signed a checkpoint that they may not sign. */
export function outOfRangeText(size: number, keys: readonly LogKey[]): string {
  const texts = keys.map((key) => {
    const { first = 0, last = 0 } = key.sizes ?? {};
    return `${keyName(key)} signed size ${size}, and counts ${last === Number.POSITIVE_INFINITY ? `from ${first} on` : `for ${first} to ${last}`}`;
  });
  return texts.join("; ");
}

/** The form of a signed checkpoint alone. */
export function parseSigned(bytes: Uint8Array): ParsedCheckpoint | NoteFault {
  try {
    const note = parseNote(bytes);
    return { bytes, note, checkpoint: parseCheckpoint(note.text) };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return { code: "NOTE_MALFORMED", detail: error.message };
  }
}

function signatureFault(note: Note, keys: readonly VerifierKey[]): NoteFault | undefined {
  for (const key of keys) {
    const own = signatureBy(key, note);
    if (own !== undefined) {
      if (verifySignature(key, note.text, own.signature)) continue;
      return { code: "SIG_INVALID", detail: `the signature of ${keyName(key)} does not verify` };
    }
    // A signature that is this key's under another name or id is no unknown key's: it was edited.
    const edited = note.signatures.find(({ signature }) => verifySignature(key, note.text, signature));
    if (edited !== undefined) {
      return {
        code: "SIG_INVALID",
        detail: `the signature of ${keyName(key)} is there under ${keyName(edited)}`,
      };
    }
  }
  return undefined;
}

function cosignaturesOf(note: Note, trust: Pick<Trust, "witnesses">): Map<string, number> {
  const cosigned = new Map<string, number>();
  for (const [name, key] of trust.witnesses) {
    const own = signatureBy(key, note);
    const time = own === undefined ? undefined : cosignatureTime(own.signature);
    if (time !== undefined) cosigned.set(name, time);
  }
  return cosigned;
}

/** A key as people tell keys apart: name and id. */
export function keyName({ name, keyId }: { readonly name: string; readonly keyId: number }): string {
  return `${name}+${keyId.toString(16).padStart(8, "0")}`;
}

function originsOf(trust: Pick<Trust, "logs">): string {
  return [...new Set(trust.logs.map(({ name }) => name))].join(", ");
}
