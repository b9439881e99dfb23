import { batchPath } from "../../../src/logs/layout.ts";
import type { Verification } from "../../../src/logs/verify/verification.ts";
import { modelStore, type StoreFiles } from "../../logs/store-model.ts";
import { editLines, flip, without } from "../../logs/verify/tamper.ts";
import { anchorIn, batchesOf, verifyFiles } from "../../logs/verify/verifying.ts";

/** A day's log with a night's pause, an anchor before its end, and nothing wrong. */
export async function intactLog(): Promise<Verification> {
  const store = await dayLog();
  return verifyFiles(store, { anchors: [anchorIn(store, "fleetsec/checkpoint/30")] });
}

/** The same with a line altered, one deleted, a batch missing, a tile altered and a file added. */
export async function alteredLog(): Promise<Verification> {
  const store = await dayLog();
  const anchors = [anchorIn(store, "fleetsec/checkpoint/30")];
  let altered = editLines(store, batchPath(5), (lines) =>
    lines.map((line, i) => (i === 6 ? line.replace("gateway", "GATEWAY").replace("opa", "OPA") : line)),
  );
  altered = flip(altered, batchPath(6), 40);
  altered = editLines(altered, batchPath(12), (lines) => lines.filter((_, i) => i !== 3));
  altered = without(altered, batchPath(21));
  altered.set("fleetsec/batch/notes <script>.txt", Buffer.from("not of the log"));
  return verifyFiles(altered, { anchors });
}

async function dayLog(): Promise<StoreFiles> {
  const batches = batchesOf(40, 12).map((batch, seq) => {
    const pause = seq < 16 ? 0 : 8 * 3600;
    const from = 1_763_850_000 + pause + seq * 300;
    return { ...batch, from, to: from + 300 };
  });
  return modelStore(batches);
}
