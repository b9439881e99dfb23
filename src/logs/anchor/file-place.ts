import { dirname, join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { FileKind, Files } from "../../platform/files.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import { checkpointName, folderName } from "./name.ts";
import { isPresent } from "./conflict.ts";
import type { SignedCheckpoint } from "../verify/signed-checkpoint.ts";
import { type AnchorPlace, type HeldNote, MAX_ANCHORS, newestSizes } from "./place.ts";

/** A checkpoint file, or a directory of them and of directories below it; hidden ones are passed over. */
export function filePlace(files: Files, source: string, path: string): AnchorPlace {
  return {
    source,
    async *notes() {
      if (files.kind(path) === undefined) {
        throw new FleetsecError("not-found", `the anchor ${source} does not exist`, {
          hint: "name a saved checkpoint, or the directory that logs anchor wrote to",
        });
      }
      for (const file of filesAt(files, source, path)) {
        const bytes = files.read(file.path, MAX_NOTE_SIZE);
        yield { source: file.source, bytes, named: file.source === source };
      }
    },
    beside: async (checkpoint) => besideIn(files, source, path, checkpoint),
    async publish(checkpoint) {
      const name = checkpointName(checkpoint);
      const [at, target] = [join(source, name), join(path, name)];
      const held = () => (files.kind(target) === undefined ? undefined : files.read(target, MAX_NOTE_SIZE));
      if (isPresent(held(), checkpoint, at)) return { outcome: "present", at };
      files.makeDirectory(dirname(target), 0o755);
      try {
        files.write(target, checkpoint.note, { exclusive: true });
      } catch (error) {
        if (!(error instanceof FleetsecError) || error.code !== "exists") throw error;
        // another run was faster
        if (isPresent(held(), checkpoint, at)) return { outcome: "present", at };
      }
      return { outcome: "published", at };
    },
  };
}

/** The newest checkpoints in a log's directory. */
function besideIn(files: Files, source: string, path: string, checkpoint: SignedCheckpoint): HeldNote[] {
  const folder = folderName(checkpoint);
  if (files.kind(join(path, folder)) !== "directory") return [];
  return newestSizes(filesIn(files, join(path, folder))).map((name) => ({
    source: join(source, folder, name),
    bytes: files.read(join(path, folder, name), MAX_NOTE_SIZE),
    named: false,
  }));
}

function* filesIn(files: Files, directory: string): Generator<string> {
  for (const { name, kind } of files.entries(directory)) if (kind === "file") yield name;
}

interface AnchorFile {
  readonly source: string;
  readonly path: string;
  /** Without following a symlink. */
  readonly kind: FileKind | undefined;
}

/** The files that an anchor is read from. @throws FleetsecError `input` for more than MAX_ANCHORS */
export function* filesAt(files: Files, source: string, path: string): Generator<AnchorFile> {
  let count = 0;
  const below = function* (at: Pick<AnchorFile, "source" | "path">): Generator<AnchorFile> {
    for (const { name, kind } of files.entries(at.path)) {
      count += 1;
      if (count > MAX_ANCHORS) {
        throw new FleetsecError("input", `the anchor ${source} holds more than ${MAX_ANCHORS} files`);
      }
      const next = { source: join(at.source, name), path: join(at.path, name), kind };
      // a directory that git or a person keeps has hidden files of its own
      if (name.startsWith(".")) continue;
      if (kind === "directory") yield* below(next);
      else yield next;
    }
  };
  const kind = files.kind(path);
  if (kind === "directory") yield* below({ source, path });
  else yield { source, path, kind };
}
