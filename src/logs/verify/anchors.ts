import { FleetsecError } from "../../errors.ts";
import type { AnchorPlace } from "../anchor/place.ts";
import { formatNote, type NoteSignature, parseNote } from "../note.ts";
import type { Finding } from "./finding.ts";
import { openCheckpoint, type SignedCheckpoint } from "./signed-checkpoint.ts";
import type { Trust } from "./trust.ts";

/** A root that the log signed, by a checkpoint that somebody other than the store's keeper holds. */
export interface Anchor {
  readonly kind: "kept" | "file";
  /** Where it is, as the user named it. */
  readonly source: string;
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Its note, to be shown where it contradicts the store's. */
  readonly note: () => string;
}

/**
 * Reads the checkpoints at an anchor. In a place that holds many, those of other logs are passed
 * over; everything else must be a checkpoint with a valid signature, so that no anchor is lost
 * without a word.
 * @returns also what speaks against the place itself
 * @throws FleetsecError `not-found`, `input` where there is no checkpoint to believe, and
 *   `unreachable` or `engine` where it could not be established what is there
 */
export async function readAnchors(
  place: AnchorPlace,
  trust: Trust,
): Promise<{ readonly anchors: readonly Anchor[]; readonly findings: readonly Finding[] }> {
  const anchors: Anchor[] = [];
  for await (const { source, bytes, named } of place.notes()) {
    const opened = openCheckpoint(bytes, trust);
    if (!("code" in opened)) {
      const { origin, size, root } = opened;
      const note = knownPart(opened, trust);
      anchors.push({ kind: "file", source, origin, size, root, note: () => note });
    } else if (opened.code !== "ORIGIN_MISMATCH" || named) {
      throw new FleetsecError("input", `the anchor ${source} is no checkpoint to trust: ${opened.detail}`, {
        hint: "an anchor is a checkpoint that a key of the trust file signed",
      });
    }
  }
  const findings = place.findings?.() ?? [];
  if (anchors.length === 0 && findings.length === 0) {
    throw new FleetsecError("input", `the anchor ${place.source} holds no checkpoint of this log`);
  }
  return { anchors, findings };
}

/** Longer notes are kept without the signatures that nobody asked for: a place may hold a million. */
const MAX_KEPT_NOTE = 2_000;

function knownPart({ note }: SignedCheckpoint, { logs, witnesses }: Trust): string {
  if (note.length <= MAX_KEPT_NOTE) return note;
  const { text, signatures } = parseNote(Buffer.from(note));
  const keys = [...logs, ...witnesses.values()];
  const isKnown = ({ name, keyId }: NoteSignature) =>
    keys.some((key) => key.name === name && key.keyId === keyId);
  return formatNote({ text, signatures: signatures.filter(isKnown) });
}
