import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { StateLayout } from "../state.ts";

/**
 * What the CA generations on disk do not say of a rotation: since when relying parties can know of it, and
 * which CA it was that they were told of.
 */
export interface RotationRecord {
  /** The generation that is to take over. */
  readonly to: number;
  /** SHA-256 of its certificates' DER, in hexadecimal. */
  readonly root: string;
  readonly issuing: string;
  /** ISO 8601: when what gateways read got both roots. Absent where they have been without one since. */
  readonly published?: string;
}

type Layout = Pick<StateLayout, "authorities">;

const MAX_BYTES = 4096;

function pathOf({ authorities }: Layout): string {
  return join(authorities, "rotation.json");
}

/** @throws FleetsecError `state` for a damaged one */
export function readRecord(files: Files, layout: Layout): RotationRecord | undefined {
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
  const { to, root, issuing, published } = (value ?? {}) as Partial<Record<keyof RotationRecord, unknown>>;
  if (typeof to !== "number" || !Number.isSafeInteger(to)) return undefined;
  if (!isFingerprint(root) || !isFingerprint(issuing)) return undefined;
  if (published === undefined) return { to, root, issuing };
  if (typeof published !== "string" || Number.isNaN(Date.parse(published))) return undefined;
  return { to, root, issuing, published };
}

function isFingerprint(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

export function writeRecord(files: Files, layout: Layout, record: RotationRecord): void {
  files.write(pathOf(layout), `${JSON.stringify(record)}\n`);
}

/** To be called before gateways are given a root that they were without. @throws FleetsecError as `readRecord` */
export function recordUnpublished(files: Files, layout: Layout): void {
  const { published, ...record } = readRecord(files, layout) ?? {};
  if (published !== undefined) files.write(pathOf(layout), `${JSON.stringify(record)}\n`);
}

export function removeRecord(files: Files, layout: Layout): void {
  files.remove(pathOf(layout));
}
