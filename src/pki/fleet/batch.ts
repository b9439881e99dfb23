import { FleetsecError } from "../../errors.ts";
import {
  activate,
  activeGeneration,
  generationPath,
  prune,
  isThere,
  removeUnrecorded,
} from "../generations.ts";
import type { Files } from "../../platform/files.ts";
import type { IssueRecord } from "../inventory-line.ts";
import { newestValid, otherRole, recordedPath } from "../issue.ts";
import type { Issuer } from "../issuers/issuer.ts";
import type { PkiPlatform } from "../state.ts";
import type { Maker } from "./maker.ts";
import { alreadyIssued, type PlannedRow } from "./plan-fleet.ts";

/** What became of a row. */
export interface FleetOutcome {
  readonly line: number;
  /** `kept`: it was there already, and not due for renewal. */
  readonly status: "issued" | "kept";
  readonly record: IssueRecord;
}

/** What the steps of a run work on. */
export interface FleetState {
  readonly platform: PkiPlatform;
  readonly issuer: Issuer;
  /** That the directories of the names are in. */
  readonly directory: string;
  /** Whether each file must be synced by itself, for want of a way to sync a batch. */
  readonly durable: boolean;
}

/** A row whose certificate is in memory, there where `maker` keeps it. */
export interface Prepared {
  readonly row: PlannedRow;
  readonly record: IssueRecord;
  readonly maker: Maker;
  /** In the maker's batch. */
  readonly index: number;
  /** PEM of the CAs between it and a root. */
  readonly chain: string;
}

/** One whose files are written and not in use yet: `record` says which generation they are. */
export interface Written extends Prepared {
  readonly generation: number;
}

/** Rows that are there already; what a killed process left to do for them is done. Under the lock. */
export function keptOf(
  { platform, issuer, durable }: FleetState,
  rows: readonly PlannedRow[],
): FleetOutcome[] {
  const { files, clock } = platform;
  const now = clock.now();
  return rows.flatMap((row) => {
    const found = alreadyIssued(files, issuer, row, now);
    if (found?.files === undefined) return [];
    const { generation } = found.files;
    // a later one that is in use is a certificate that was rolled back, and stays so
    if ((activeGeneration(files, row.directory) ?? 0) < generation) {
      activate(files, row.directory, generation, { durable });
    }
    return [{ line: row.line, status: "kept", record: found }];
  });
}

/** Makes the certificates of a batch in memory, a share by each maker. */
export function prepare(makers: readonly Maker[], rows: readonly PlannedRow[]): Promise<readonly Prepared[]> {
  const share = Math.ceil(rows.length / makers.length);
  const parts = makers.map(async (maker, n) => {
    const own = rows.slice(n * share, (n + 1) * share);
    const { records, chain = "" } = await maker.prepare(own.map(({ plan }) => plan));
    return own.flatMap((row, index): Prepared[] => {
      const made = records[index];
      return made === undefined ? [] : [{ row, record: made, maker, index, chain }];
    });
  });
  const prepared = Promise.all(parts).then((batches) => batches.flat());
  // it is waited for when the batch before it is recorded: until then its failure is nobody's
  prepared.catch(() => {});
  return prepared;
}

/** Has the files of a batch written. Under the lock. */
export async function write(state: FleetState, batch: readonly Prepared[]): Promise<readonly Written[]> {
  const { platform, issuer, durable } = state;
  const now = platform.clock.now();
  for (const { row } of batch) {
    const valid = newestValid(issuer, row.plan.name, now);
    if (valid !== undefined && valid.role !== row.plan.role.name) throw otherRole(valid);
    if (isThere(platform.files, row.directory)) removeLeftovers(state, row);
  }
  const makers = [...new Set(batch.map(({ maker }) => maker))];
  const parts = makers.map(async (maker) => {
    const own = batch.filter((one) => one.maker === maker);
    const places = own.map(({ index, row: { directory } }) => ({ index, directory }));
    const generations = await maker.write(places, durable);
    return own.map((one, n): Written => ({ ...one, generation: generations[n] ?? 0 }));
  });
  // none of them writes any more once one has failed
  const ended = await Promise.allSettled(parts);
  const failed = ended.find((part) => part.status === "rejected");
  if (failed === undefined) return ended.flatMap((part) => (part.status === "fulfilled" ? part.value : []));
  for (const { row } of batch) removeUnused(state, row);
  throw failed.reason;
}

/** What a batch that failed has written of a row: on a full disk it would be in the way. */
function removeUnused(state: FleetState, row: PlannedRow): void {
  const { files } = state.platform;
  if (files.kind(row.directory) !== "directory") return;
  removeLeftovers(state, row);
  removeEmpty(files, row.directory);
}

function removeEmpty(files: Files, directory: string): void {
  if (files.list(directory).length === 0) files.remove(directory);
}

/** A killed process may have written generations that the inventory never heard of. */
function removeLeftovers({ platform: { files }, issuer }: FleetState, { plan, directory }: PlannedRow): void {
  const path = recordedPath(issuer, directory);
  const recorded = issuer.inventory
    .byName(plan.name)
    .map(({ issued }) => (issued.files?.directory === path ? issued.files.generation : 0));
  removeUnrecorded(files, directory, Math.max(0, ...recorded));
}

/** Syncs what was written, records it, and puts it into use, in this order. Under the lock. */
export async function record(state: FleetState, batch: readonly Written[]): Promise<FleetOutcome[]> {
  const { platform, issuer, directory, durable } = state;
  const { files, clock } = platform;
  const outcomes = batch.map(({ row, generation, record: made }): FleetOutcome => {
    const place = { directory: recordedPath(issuer, row.directory), generation };
    return { line: row.line, status: "issued", record: { ...made, files: place } };
  });
  try {
    if (!durable && !(await files.flush(directory))) {
      throw new FleetsecError("io", `${directory} could not be synced`);
    }
    issuer.inventory.append(outcomes.map((outcome) => outcome.record));
  } catch (error) {
    for (const { row, generation } of batch) {
      files.remove(generationPath(row.directory, generation));
      removeEmpty(files, row.directory);
    }
    throw error;
  }
  for (const { row, generation } of batch) {
    activate(files, row.directory, generation, { durable });
    if (generation > 1) prune(files, row.directory, clock);
  }
  return outcomes;
}
