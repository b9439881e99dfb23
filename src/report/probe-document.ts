import type { ProbeResult } from "../probe/result.ts";

/** A probe's result as `probe --json` prints it: docs/schema/probe.v1.json. */
export function probeDocument(result: ProbeResult): object {
  return { schema: "fleetsec.probe/v1", ...result };
}
