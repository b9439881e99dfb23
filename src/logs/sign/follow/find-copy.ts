import { isDeepStrictEqual } from "node:util";
import type { Files, OpenFile } from "../../../platform/files.ts";
import { continuing } from "../positions.ts";
import type { Generation } from "./generation.ts";
import { ifThere, MAX_ATTEMPTS, namesAndIds, rotatedFiles } from "./rotated.ts";

interface CopyParts {
  readonly files: Files;
  readonly open: (path: string) => OpenFile;
}

/**
 * The newest file beside the log that holds all that was read of it.
 * @param isOpen whether a file is read as the log's, by device and inode: it is no copy
 */
export function findCopy(
  parts: CopyParts,
  path: string,
  generation: Generation,
  isOpen: (id: string) => boolean,
): OpenFile | undefined {
  const { files } = parts;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const rotated = rotatedFiles(files, path);
    for (const { path: at, id } of rotated.toReversed()) {
      const copy = isOpen(id) ? undefined : openCopy(parts, at, generation);
      if (copy !== undefined) return copy;
    }
    // while the files are being renamed, the copy can be at another name than it was listed under
    if (isDeepStrictEqual(namesAndIds(rotatedFiles(files, path)), namesAndIds(rotated))) break;
  }
  return undefined;
}

/** The file where it begins with all that was signed of the generation, and with what was read after that. */
function openCopy({ open }: CopyParts, path: string, generation: Generation): OpenFile | undefined {
  const file = ifThere(() => open(path));
  if (file === undefined) return undefined;
  const position = generation.signed.position();
  const isSigned = position === undefined || continuing(file, position) !== undefined;
  if (isSigned && generation.tail.isHeldBy(file)) return file;
  file.close();
  return undefined;
}
