import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FleetsecError } from "../../errors.ts";
import { SCHEMAS } from "../package-files.ts";
import type { Files } from "../../platform/files.ts";

const MAX_DOCUMENT = 256 << 20;
/** Faults that are told one by one. */
const MAX_PROBLEMS = 5;

export interface DocumentKind {
  /** The file of its JSON Schema. */
  readonly schema: string;
  /** What wrote it, for messages. */
  readonly command: string;
  readonly hint: string;
}

/**
 * Reads documents that a command of ours wrote, as its JSON Schema describes them.
 * @returns a function of a path @throws FleetsecError `input`, from that function, for what is no such
 *   document, with what is wrong about it
 */
export function documentReader(files: Files, kind: DocumentKind): (path: string) => unknown {
  const text = files.readText(fileURLToPath(new URL(kind.schema, SCHEMAS)), 1 << 20);
  const schema = z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
  return (path) => {
    const parsed = schema.safeParse(parseJson(files.readText(path, MAX_DOCUMENT), path, kind));
    if (parsed.success) return parsed.data;
    const { issues } = parsed.error;
    const problems = issues
      .slice(0, MAX_PROBLEMS)
      .map(({ path: at, message }) => (at.length === 0 ? message : `${at.join(".")}: ${message}`));
    throw notOurs(path, kind, issues.length > MAX_PROBLEMS ? [...problems, "and more"] : problems);
  };
}

function parseJson(text: string, path: string, kind: DocumentKind): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notOurs(path, kind, ["it is no JSON"]);
  }
}

function notOurs(path: string, { command, hint }: DocumentKind, problems: readonly string[]): FleetsecError {
  return new FleetsecError("input", `${path} is no document of ${command}`, { problems, hint });
}
