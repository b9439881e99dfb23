import { resolve } from "node:path";
import type { ExitCode } from "../../errors.ts";
import type { ExamineParts } from "../../logs/verify/examine.ts";
import type { Part } from "../../logs/verify/part.ts";
import { examinePart, judgePart } from "../../logs/verify/part-result.ts";
import type { VerifyRequest } from "../../logs/verify/verification.ts";
import { partDocument, partText } from "../../report/verify-logs-part.ts";
import type { Cli } from "../command.ts";
import { checkWritable } from "../reports.ts";
import { version } from "../version.ts";

const EXIT_CODES = { "nothing-found": 0, altered: 1, "not-established": 3 } as const;

/**
 * The file for a part's result. What was there before is removed: a part that fails must not leave
 * the result of another day.
 * @throws FleetsecError `usage` where it cannot be written
 */
export function clearPart({ platform }: Cli, file: string): string {
  const path = resolve(platform.cwd, file);
  checkWritable(platform, path, "--partial");
  platform.files.remove(path);
  return path;
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
  output.result(document, () =>
    partText(result, found, { color: output.color.stdout, columns: output.columns }),
  );
  return EXIT_CODES[outcome];
}
