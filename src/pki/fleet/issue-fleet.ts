import { FleetsecError } from "../../errors.ts";
import type { PkiSettings } from "../authority.ts";
import type { Issuer } from "../issuers/issuer.ts";
import { keepFresh } from "../publish.ts";
import type { PkiPlatform } from "../state.ts";
import { type FleetOutcome, type FleetState, keptOf, prepare, record, write } from "./batch.ts";
import type { Maker } from "./maker.ts";
import { type Marks, marksOf } from "./marks.ts";
import type { PlannedRow } from "./plan-fleet.ts";

export interface FleetRun {
  /** Each call gives them again from the first on, in the order of their lines. */
  readonly rows: () => AsyncIterable<PlannedRow>;
  /** How many they are. */
  readonly count: number;
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

export interface IssuedFleet {
  readonly issued: number;
  readonly kept: number;
  /** In the order of the rows. Each iteration reads their records from the inventory. */
  readonly outcomes: Iterable<FleetOutcome>;
}

/**
 * Issues what a roster asks for and is not there yet, in batches: the files of a batch are on disk
 * before one write to the inventory names them all, and that is before `current` leads to any. After
 * a kill at any moment the same call goes on, and issues nothing twice. Of rows that are dealt with
 * only a serial number is held.
 * @throws FleetsecError what making and writing throw, or the signal's reason; whole batches stay
 */
export async function issueFleet(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  run: FleetRun,
): Promise<IssuedFleet> {
  const { files, locks } = platform;
  const { layout, inventory } = issuer;
  files.makeDirectory(run.directory);
  const durable = !(await files.flush(run.directory));
  const state: FleetState = { platform, issuer, directory: run.directory, durable };
  const marks = marksOf(run.count);
  const keep = (found: readonly FleetOutcome[]) => {
    for (const { line, status, record: made } of found) marks.set({ line, status, serial: made.serial });
    return found.length;
  };
  let total = 0;
  await locks.hold(layout.lock, async () => {
    inventory.refresh();
    for await (const rows of batchesOf(run.rows(), () => true)) {
      for (const { line } of rows) marks.add(line);
      total += rows.length - keep(keptOf(state, rows));
    }
  });
  const todo = batchesOf(run.rows(), ({ line }) => !marks.has(line));
  const take = async () => (total === 0 ? [] : ((await todo.next()).value ?? []));
  let done = 0;
  let chain: string | undefined;
  try {
    let next = prepare(run.makers, await take());
    while (done < total) {
      run.signal.throwIfAborted();
      // read while the makers are busy
      const following = await take();
      const batch = await next;
      await locks.hold(layout.lock, async () => {
        inventory.refresh();
        const rows = batch.map(({ row }) => row);
        keep(keptOf(state, rows));
        const left = batch.filter(({ row }) => !marks.has(row.line));
        const written = await write(state, left);
        // the makers are busy with the next while this one is synced
        next = prepare(run.makers, following);
        keep(await record(state, written));
      });
      done += batch.length;
      chain = batch.at(-1)?.chain;
      run.onProgress(done, total);
    }
  } catch (error) {
    throw done === 0 ? error : withProgress(error, done, total);
  } finally {
    await todo.return(undefined);
  }
  // `current` is on disk too, with what gateways read beside it
  await files.flush(run.directory);
  if (chain !== undefined) await keepFreshLocked(platform, issuer, settings, chain);
  return issuedFleet(issuer, marks);
}

/** Rows that `accepts` takes, so many at a time; no more of them are read than are asked for. */
async function* batchesOf(
  rows: AsyncIterable<PlannedRow>,
  accepts: (row: PlannedRow) => boolean,
): AsyncGenerator<readonly PlannedRow[], undefined> {
  let batch: PlannedRow[] = [];
  for await (const row of rows) {
    if (accepts(row)) batch.push(row);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
  return undefined;
}

function issuedFleet({ inventory }: Issuer, marks: Marks): IssuedFleet {
  const count = { issued: 0, kept: 0 };
  for (const { status } of marks) count[status] += 1;
  const outcomes = function* (): Generator<FleetOutcome> {
    for (const { line, status, serial } of marks) {
      const entry = inventory.bySerial(serial);
      if (entry === undefined) throw new Error(`${serial} of line ${line} is not on record`);
      yield { line, status, record: entry.issued };
    }
  };
  return { ...count, outcomes: { [Symbol.iterator]: outcomes } };
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
