import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { type CliOptions, runCli } from "../support/cli.ts";
import { modelSigner, modelStore, type StoreFiles, writeStore } from "./store-model.ts";
import { batchesOf } from "./verify/verifying.ts";

/** Stores of one log at sizes 3 and 5, and of the same key's other log at size 5. */
export interface ModelLogs {
  readonly older: StoreFiles;
  readonly newer: StoreFiles;
  readonly forked: StoreFiles;
}

export async function modelLogs(): Promise<ModelLogs> {
  const other = [...batchesOf(2, 2), ...batchesOf(5, 3).slice(2)];
  return {
    older: await modelStore(batchesOf(3, 2)),
    newer: await modelStore(batchesOf(5, 2)),
    forked: await modelStore(other),
  };
}

/** The directory of a model log's checkpoints in a place that holds many. */
export const MODEL_NAME = "fleet-internal-audit-77656860875e9240";

export interface AnchorReport {
  readonly ok: boolean;
  readonly code?: string;
  readonly places: {
    readonly place: string;
    readonly outcome: string;
    readonly at?: string;
    readonly detail?: string;
  }[];
}

export interface VerifyReport {
  readonly verdict: string;
  readonly code?: string;
  readonly anchors: { readonly kind: string; readonly size: number; readonly source: string }[];
  readonly findings: { readonly code: string; readonly path?: string }[];
}

/** A directory with the stores `older`, `newer` and `forked`, and their key file. */
export function anchoringIn(cwd: string, logs: ModelLogs, options: CliOptions = {}) {
  for (const [name, files] of Object.entries(logs)) writeStore(join(cwd, name), files as StoreFiles);
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  let runs = 0;
  const run = (argv: readonly string[]) =>
    runCli([...argv, "--trust", "log.pub", "--json"], { cwd, userState: join(cwd, "user"), ...options });
  return {
    /** Publishes a store's checkpoint. */
    anchor: async (store: keyof ModelLogs, ...flags: string[]) => {
      const { code, stdout } = await run(["logs", "anchor", "--store", store, ...flags]);
      return { exit: code, ...(JSON.parse(stdout) as AnchorReport) };
    },
    /** Verifies a store with anchors, and no memory of other runs. */
    verify: async (store: keyof ModelLogs, ...anchors: string[]) => {
      runs += 1;
      const flags = anchors.flatMap((anchor) => ["--anchor", anchor]);
      const { code, stdout } = await run(["verify-logs", store, "--state", `state-${runs}`, ...flags]);
      return { exit: code, ...(JSON.parse(stdout) as VerifyReport) };
    },
  };
}
