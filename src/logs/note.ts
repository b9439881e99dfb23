import { FleetsecError } from "../errors.ts";
import { parseBase64 } from "./base64.ts";

/** Signed notes (C2SP signed-note): a text, a blank line, signature lines. */

export interface NoteSignature {
  /** The key's name. */
  readonly name: string;
  /** First four bytes of the signature, as a number; with the name it identifies the key. */
  readonly keyId: number;
  /** What the key's algorithm made: the rest. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** What is signed: ends with a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** More is refused unread: 100 signatures of 5 kB (post-quantum) and a checkpoint fit. */
export const MAX_NOTE_SIZE = 1 << 20;

/** Go's limit; the specification asks for 16 or more. */
const MAX_SIGNATURES = 100;

/** Whether a key may have this name: not empty, no Unicode spaces, no plus, no control characters. */
export function isKeyName(name: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^[^\p{White_Space}\p{Cs}+\u0000-\u001f]+$/u.test(name);
}

/**
 * A note's text and signatures, none of them verified.
 * @throws FleetsecError `input` on anything that is not exactly a signed note, or has two
 *   signatures of one key
 */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > MAX_NOTE_SIZE) throw malformed("it is too long");
  const note = decode(bytes);
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw malformed("it has a control character");
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw malformed("no blank line sets the signatures off");
  if (!note.endsWith("\n")) throw malformed("it does not end with a newline");
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw malformed("it has too many signatures");
  const signatures = lines.map(parseSignature);
  const keys = new Set(signatures.map(({ name, keyId }) => `${name} ${keyId}`));
  if (keys.size < signatures.length) throw malformed("one key signs it twice");
  return { text: note.slice(0, split + 1), signatures };
}

function parseSignature(line: string): NoteSignature {
  const [, name = "", base64 = ""] = /^— ([^ ]+) ([^ ]+)$/u.exec(line) ?? [];
  const bytes = parseBase64(base64);
  if (!isKeyName(name) || bytes === undefined || bytes.length < 5) {
    throw malformed("a signature line is not `— NAME BASE64`");
  }
  return { name, keyId: bytes.readUInt32BE(), signature: bytes.subarray(4) };
}

/** A note as it is published. The text must end with a newline and there must be a signature. */
export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(formatSignature).join("")}`;
}

function formatSignature({ name, keyId, signature }: NoteSignature): string {
  const bytes = Buffer.alloc(4 + signature.length);
  bytes.writeUInt32BE(keyId);
  bytes.set(signature, 4);
  return `— ${name} ${bytes.toString("base64")}\n`;
}

// ignoreBOM keeps a byte order mark as the character that it is: it is signed like any other
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed("it is not valid UTF-8");
  }
}

function malformed(detail: string): FleetsecError {
  return new FleetsecError("input", `malformed signed note: ${detail}`);
}
