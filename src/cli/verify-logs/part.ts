import { resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import type { ExamineParts } from "../../logs/verify/examine.ts";
import type { Part } from "../../logs/verify/part.ts";
import { examinePart, judgePart } from "../../logs/verify/part-result.ts";
import type { VerifyRequest } from "../../logs/verify/verification.ts";
import type { Files } from "../../platform/files.ts";
import { styleFor } from "../../report/style.ts";
import { partDocument, partText } from "../../report/verify-logs-part.ts";
import type { Cli } from "../command.ts";
import { checkWritable } from "../reports.ts";
import { version } from "../package-files.ts";

const EXIT_CODES = { "nothing-found": 0, altered: 1, "not-established": 3 } as const;

/**
 * The file for a part's result. An earlier result that is there is removed: a part that fails must not
 * leave that of another day.
 * @throws FleetsecError `usage` where it cannot be written, `exists` where it is anything else
 */
export function clearPart({ platform }: Cli, file: string): string {
  const { files, cwd } = platform;
  const path = resolve(cwd, file);
  checkWritable(platform, path, "--partial");
  if (files.kind(path) === undefined) return path;
  if (!isPart(files, path)) {
    throw new FleetsecError("exists", `${file} is there, and no result of an earlier part`, {
      hint: "name a new file, or that of an earlier run, with --partial",
    });
  }
  files.remove(path);
  return path;
}

/** How every result begins, of whichever version. */
const BEGINNING = Buffer.from('{"schema":"fleetsec.verify-logs-part/v');

/** Whether a file begins as we write a part's result; one that is empty, as mktemp(1) makes it, has none to lose. */
function isPart(files: Files, path: string): boolean {
  if (files.kind(path) !== "file") return false;
  const file = files.open(path);
  try {
    const head = Buffer.alloc(BEGINNING.length);
    return file.size === 0 || (file.read(head, 0) === head.length && head.equals(BEGINNING));
  } finally {
    file.close();
  }
}

/**
 * Examines one part of a store, and writes what it found for the merge.
 * @param store as reports will name it
 */
export async function verifyPart(
  { platform, output }: Cli,
  path: string,
  part: Part,
  request: VerifyRequest,
  store: string,
  parts: ExamineParts,
): Promise<ExitCode> {
  const result = await examinePart(request, part, { version: version(), store }, parts);
  const document = partDocument(result);
  platform.files.write(path, `${JSON.stringify(document)}\n`);
  const { found, outcome } = judgePart(result);
  const style = await styleFor(output.color.stdout);
  output.result(document, () => partText(result, found, { style, columns: output.columns }));
  return EXIT_CODES[outcome];
}
