import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { StateLayout } from "../state.ts";

/**
 * A note that a certificate is about to be renewed and a service to be told of it. It is on disk
 * before the certificate changes and removed when the service has taken it up, so that a rotation
 * that was killed in between is completed by the next one.
 */
export interface Intent {
  /** Of the certificate that was in use before. */
  readonly serial: string;
  /** Its generation: what to go back to. */
  readonly generation: number;
  /** Serial of what the service did not take up, once that is being rolled back. */
  readonly rejected?: string;
}

const MAX_BYTES = 4096;

/** Where the rotation of a name keeps its lock and its note. @param name checked by `checkName` */
export function rotationDirectory(layout: StateLayout, name: string): string {
  return join(layout.rotation, name);
}

function intentPath(layout: StateLayout, name: string): string {
  return join(rotationDirectory(layout, name), "intent.json");
}

/** @throws FleetsecError `state` for a damaged one */
export function readIntent(files: Files, layout: StateLayout, name: string): Intent | undefined {
  const path = intentPath(layout, name);
  if (files.kind(path) === undefined) return undefined;
  const intent = parse(files.readText(path, MAX_BYTES));
  if (intent !== undefined) return intent;
  throw new FleetsecError("state", `${path} is damaged`, {
    hint: "check which certificate the service uses, reload it, and remove that file",
  });
}

function parse(text: string): Intent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { serial, generation, rejected } = (value ?? {}) as Partial<Record<keyof Intent, unknown>>;
  if (typeof serial !== "string" || !Number.isSafeInteger(generation)) return undefined;
  const intent = { serial, generation: generation as number };
  if (rejected === undefined) return intent;
  return typeof rejected === "string" ? { ...intent, rejected } : undefined;
}

/** Whether a certificate was changed since, or changed back, and its service perhaps not told. */
export function isOutstanding(
  intent: Intent | undefined,
  inUse: { readonly serial: string },
): intent is Intent {
  return intent !== undefined && (intent.serial !== inUse.serial || intent.rejected !== undefined);
}

export function writeIntent(files: Files, layout: StateLayout, name: string, intent: Intent): void {
  files.makeDirectory(rotationDirectory(layout, name));
  files.write(intentPath(layout, name), `${JSON.stringify(intent)}\n`, { mode: 0o600 });
}

export function removeIntent(files: Files, layout: StateLayout, name: string): void {
  files.remove(intentPath(layout, name));
}
