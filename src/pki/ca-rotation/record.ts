import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { StateLayout } from "../state.ts";

/** What the CA generations on disk do not say of a rotation: since when relying parties can know of it. */
export interface RotationRecord {
  /** The generation that is to take over. */
  readonly to: number;
  /** ISO 8601: when the trust bundle with both roots was published. */
  readonly published: string;
}

const MAX_BYTES = 4096;

function pathOf({ authorities }: StateLayout): string {
  return join(authorities, "rotation.json");
}

/** @throws FleetsecError `state` for a damaged one */
export function readRecord(files: Files, layout: StateLayout): RotationRecord | undefined {
  const path = pathOf(layout);
  if (files.kind(path) === undefined) return undefined;
  const record = parse(files.readText(path, MAX_BYTES));
  if (record !== undefined) return record;
  throw new FleetsecError("state", `${path} is damaged`, {
    hint: "remove it and run fleetsec ca rotate begin: the time since publication begins anew",
  });
}

function parse(text: string): RotationRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { to, published } = (value ?? {}) as Partial<Record<keyof RotationRecord, unknown>>;
  if (!Number.isSafeInteger(to) || typeof published !== "string") return undefined;
  return Number.isNaN(Date.parse(published)) ? undefined : { to: to as number, published };
}

export function writeRecord(files: Files, layout: StateLayout, record: RotationRecord): void {
  files.write(pathOf(layout), `${JSON.stringify(record)}\n`);
}

export function removeRecord(files: Files, layout: StateLayout): void {
  files.remove(pathOf(layout));
}
