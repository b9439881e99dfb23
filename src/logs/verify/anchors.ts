import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import { openCheckpoint } from "./signed-checkpoint.ts";
import type { Trust } from "./trust.ts";

/** A root that the log signed, by a checkpoint that somebody other than the store's keeper holds. */
export interface Anchor {
  readonly kind: "kept" | "file";
  /** The file that it is in, as the user named it. */
  readonly source: string;
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Its note, to be shown where it contradicts the store's. */
  readonly note: () => string;
}

const MAX_ANCHORS = 1_000_000;

/**
 * Reads the checkpoints at an anchor: one file, or all files of a directory and those below it.
 * Checkpoints of other logs in a directory are passed over; everything else must be a checkpoint
 * with a valid signature, so that no anchor is lost without a word.
 * @throws FleetsecError `usage` for a source that is not supported, `not-found`, and `input` where
 *   there is no checkpoint to believe
 */
export function readAnchors(files: Files, source: string, path: string, trust: Trust): Anchor[] {
  if (/^[a-z][a-z0-9+.-]*:/i.test(source)) {
    throw new FleetsecError("usage", `anchors of that kind are not supported: ${source}`, {
      hint: "name a checkpoint file, or a directory of them",
    });
  }
  if (files.kind(path) === undefined) {
    throw new FleetsecError("not-found", `the anchor ${source} does not exist`);
  }
  const anchors: Anchor[] = [];
  for (const file of filesAt(files, source, path)) {
    const opened = openCheckpoint(files.read(file.path, MAX_NOTE_SIZE), trust);
    if (!("code" in opened)) {
      const { origin, size, root } = opened;
      const note = () => files.readText(file.path, MAX_NOTE_SIZE);
      anchors.push({ kind: "file", source: file.source, origin, size, root, note });
    } else if (opened.code !== "ORIGIN_MISMATCH" || file.source === source) {
      throw new FleetsecError(
        "input",
        `the anchor ${file.source} is no checkpoint to trust: ${opened.detail}`,
        {
          hint: "an anchor is a checkpoint that a key of the trust file signed",
        },
      );
    }
  }
  if (anchors.length === 0) {
    throw new FleetsecError("input", `the anchor ${source} holds no checkpoint of this log`);
  }
  return anchors;
}

interface AnchorFile {
  readonly source: string;
  readonly path: string;
}

function* filesAt(files: Files, source: string, path: string): Generator<AnchorFile> {
  let count = 0;
  const below = function* (at: AnchorFile): Generator<AnchorFile> {
    for (const { name, kind } of files.entries(at.path)) {
      count += 1;
      if (count > MAX_ANCHORS) {
        throw new FleetsecError("input", `the anchor ${source} holds more than ${MAX_ANCHORS} files`);
      }
      const next = { source: join(at.source, name), path: join(at.path, name) };
      // a directory that git or a person keeps has hidden files of its own
      if (name.startsWith(".")) continue;
      if (kind === "directory") yield* below(next);
      else yield next;
    }
  };
  if (files.kind(path) === "directory") yield* below({ source, path });
  else yield { source, path };
}
