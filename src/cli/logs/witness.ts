import type { ExitCode } from "../../errors.ts";
import { readNewest } from "../../logs/anchor/publish.ts";
import { type WitnessReport, witnessCheckpoint } from "../../logs/witness/witness.ts";
import { patient } from "../../platform/patient-http.ts";
import { escapeText } from "../../report/escape.ts";
import { wrap } from "../../report/wrap.ts";
import type { Cli } from "../command.ts";
import { trustFlag } from "../trust-flag.ts";
import { signerStateOf, storeToAddTo } from "./store.ts";
import { existingStore } from "../verify-logs/log-source.ts";

export interface WitnessFlags {
  readonly store?: string;
  readonly trust?: string;
}

export async function witness(cli: Cli, flags: WitnessFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const named = await existingStore(cli, flags.store);
  const store = await storeToAddTo(cli, named);
  const trust = await trustFlag(cli, flags.trust);
  const checkpoint = await readNewest(store, trust);
  const lock = signerStateOf(cli, named);
  const send = patient(platform.network, platform.clock);
  const report = await witnessCheckpoint({ store, lock, checkpoint, trust }, { ...platform, send });
  const { origin, size } = checkpoint;
  const exitCode = exitCodeOf(report);
  const document = { schema: "fleetsec.logs-witness/v1", ok: exitCode === 0, origin, size, ...report };
  output.result(document, () =>
    [
      `origin  ${escapeText(origin)}`,
      `size    ${size}`,
      `quorum  ${report.quorum ? "met" : "not met"}`,
      "",
      ...report.witnesses.map((one) => lineOf(one, output.columns)),
    ].join("\n"),
  );
  return exitCode;
}

/** A witness that refuses has seen another history, whatever the others say. */
function exitCodeOf({ witnesses, quorum }: WitnessReport): ExitCode {
  if (witnesses.some(({ outcome }) => outcome === "refused")) return 1;
  return quorum ? 0 : 3;
}

function lineOf({ name, outcome, detail }: WitnessReport["witnesses"][number], columns: number): string {
  const indent = 10;
  const text = wrap(escapeText(detail === undefined ? name : `${name}: ${detail}`), columns - indent);
  return outcome.padEnd(indent) + text.join(`\n${" ".repeat(indent)}`);
}
