import type { Files } from "../../platform/files.ts";
import type { ProbeResult } from "../../probe/result.ts";
import { documentReader } from "./read-document.ts";

/**
 * A probe's result as `--json` or `--report json=` wrote it.
 * @throws FleetsecError `input` for what is no such document, with what is wrong about it
 */
export function readProbeDocument(files: Files, path: string): ProbeResult {
  const read = documentReader(files, {
    schema: "probe.v1.json",
    command: "fleetsec probe",
    hint: "name a file that fleetsec probe --report json=FILE wrote",
  });
  const document = read(path);
  const { schema: _, ...result } = document as ProbeResult & { readonly schema: string };
  return result;
}
