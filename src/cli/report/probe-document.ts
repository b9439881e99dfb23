import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { ProbeResult } from "../../probe/result.ts";

/** `docs/schema` lies beside `dist/` in the package and beside `src/` in the repository. */
const SCHEMA = fileURLToPath(new URL("../../../docs/schema/probe.v1.json", import.meta.url));

const MAX_DOCUMENT = 256 << 20;
/** Faults that are told one by one. */
const MAX_PROBLEMS = 5;

/**
 * A probe's result as `--json` or `--report json=` wrote it.
 * @throws FleetsecError `input` for what is no such document, with what is wrong about it
 */
export function readProbeDocument(files: Files, path: string): ProbeResult {
  const schema = JSON.parse(files.readText(SCHEMA, 1 << 20)) as Parameters<typeof z.fromJSONSchema>[0];
  const parsed = z.fromJSONSchema(schema).safeParse(parseJson(files.readText(path, MAX_DOCUMENT), path));
  if (!parsed.success) {
    const { issues } = parsed.error;
    const problems = issues
      .slice(0, MAX_PROBLEMS)
      .map(({ path: at, message }) => (at.length === 0 ? message : `${at.join(".")}: ${message}`));
    throw notOurs(path, issues.length > MAX_PROBLEMS ? [...problems, "and more"] : problems);
  }
  const { schema: _, ...result } = parsed.data as ProbeResult & { readonly schema: string };
  return result;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notOurs(path, ["it is no JSON"]);
  }
}

function notOurs(path: string, problems: readonly string[]): FleetsecError {
  return new FleetsecError("input", `${path} is no document of fleetsec probe`, {
    problems,
    hint: "name a file that fleetsec probe --report json=FILE wrote",
  });
}
