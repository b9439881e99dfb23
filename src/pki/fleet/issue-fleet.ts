import { FleetsecError } from "../../errors.ts";
import type { PkiSettings } from "../authority.ts";
import type { Issuer } from "../issuers/issuer.ts";
import { keepFresh } from "../publish.ts";
import type { PkiPlatform } from "../state.ts";
import { type FleetOutcome, type FleetState, keptOf, prepare, record, write } from "./batch.ts";
import type { Maker } from "./maker.ts";
import type { PlannedRow } from "./plan-fleet.ts";

export interface FleetRun {
  readonly rows: readonly PlannedRow[];
  /** That the directories of the names are in. */
  readonly directory: string;
  /** They work side by side. */
  readonly makers: readonly Maker[];
  readonly signal: AbortSignal;
  /** Told of what is durably issued, of what there was to issue. */
  readonly onProgress: (issued: number, total: number) => void;
}

/** Certificates that are synced and recorded together. */
const BATCH = 512;

/**
 * Issues what a roster asks for and is not there yet, in batches: the files of a batch are on disk
 * before one write to the inventory names them all, and that is before `current` leads to any. After
 * a kill at any moment the same call goes on, and issues nothing twice.
 * @returns the outcomes in the order of the rows
 * @throws FleetsecError what making and writing throw, or the signal's reason; whole batches stay
 */
export async function issueFleet(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  run: FleetRun,
): Promise<FleetOutcome[]> {
  const { files, locks } = platform;
  const { layout, inventory } = issuer;
  files.makeDirectory(run.directory);
  const durable = !(await files.flush(run.directory));
  const state: FleetState = { platform, issuer, directory: run.directory, durable };
  const outcomes = new Map<number, FleetOutcome>();
  const keep = (found: readonly FleetOutcome[]) => {
    for (const outcome of found) outcomes.set(outcome.line, outcome);
  };
  await locks.hold(layout.lock, async () => {
    inventory.refresh();
    keep(keptOf(state, run.rows));
  });
  const todo = run.rows.filter(({ line }) => !outcomes.has(line));
  let done = 0;
  let chain: string | undefined;
  try {
    let next = prepare(run.makers, todo.slice(0, BATCH));
    while (done < todo.length) {
      run.signal.throwIfAborted();
      const batch = await next;
      await locks.hold(layout.lock, async () => {
        inventory.refresh();
        const kept = keptOf(
          state,
          batch.map(({ row }) => row),
        );
        keep(kept);
        const written = await write(
          state,
          batch.filter(({ row }) => !outcomes.has(row.line)),
        );
        // the makers are busy with the next while this one is synced
        next = prepare(run.makers, todo.slice(done + BATCH, done + 2 * BATCH));
        keep(await record(state, written));
      });
      done += batch.length;
      chain = batch.at(-1)?.chain;
      run.onProgress(done, todo.length);
    }
  } catch (error) {
    throw done === 0 ? error : withProgress(error, done, todo.length);
  }
  // `current` is on disk too, with what gateways read beside it
  await files.flush(run.directory);
  if (chain !== undefined) await keepFreshLocked(platform, issuer, settings, chain);
  return run.rows.flatMap(({ line }) => outcomes.get(line) ?? []);
}

async function keepFreshLocked(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  chain: string,
): Promise<void> {
  await platform.locks.hold(issuer.layout.lock, async () => {
    issuer.inventory.refresh();
    await keepFresh(platform, issuer, settings, chain);
  });
}

function withProgress(error: unknown, done: number, total: number): unknown {
  if (!(error instanceof FleetsecError)) return error;
  return new FleetsecError(error.code, `${error.message}; ${done} of ${total} certificates were issued`, {
    hint: `${error.hint === undefined ? "" : `${error.hint}; `}the same command goes on from there`,
    cause: error,
  });
}
