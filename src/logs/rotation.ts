import { FleetsecError } from "../errors.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from "./verifier-key.ts";

/**
 * The change of a log's keys is a batch of its own, with one record: an event that names the keys
 * before and after. The checkpoint over it is signed by the keys of both sides.
 */
export interface Rotation {
  readonly origin: string;
  /** Of the checkpoint that the keys of both sides sign. */
  readonly size: number;
  /** Verifier keys as text. */
  readonly previous: readonly string[];
  readonly next: readonly string[];
}

/** More is no such record. */
export const MAX_ROTATION_BYTES = 16 << 10;

/** The batch's one line. @param time of the event, in milliseconds since the epoch */
export function formatRotation({ origin, size, previous, next }: Rotation, time: number): Buffer {
  const event = {
    timestamp: new Date(time).toISOString(),
    service: "fleetsec",
    event_type: "alert",
    request_id: `key-rotation-${size}`,
    alert: "key_rotation",
    origin,
    size,
    previous_keys: previous,
    next_keys: next,
  };
  return Buffer.from(`${JSON.stringify(event)}\n`);
}

/** @returns undefined where a batch is anything else */
export function parseRotation(batch: Uint8Array): Rotation | undefined {
  const text = Buffer.from(batch).toString("utf8");
  if (batch.length > MAX_ROTATION_BYTES || text.indexOf("\n") !== text.length - 1) return undefined;
  let event: Record<string, unknown>;
  try {
    event = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { alert, origin, size, previous_keys: previous, next_keys: next } = event;
  if (alert !== "key_rotation" || typeof origin !== "string" || !Number.isSafeInteger(size)) return undefined;
  if (!areTexts(previous) || !areTexts(next)) return undefined;
  return { origin, size: size as number, previous, next };
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}

/** Whether a rotation leads to that key. */
export function leadsTo({ next }: Rotation, key: VerifierKey): boolean {
  return next.includes(formatVerifierKey(key));
}

/** Verifier keys of texts, without those that are none. */
export function verifierKeysIn(texts: readonly string[]): VerifierKey[] {
  return texts.flatMap((text) => {
    try {
      return [parseVerifierKey(text)];
    } catch (error) {
      if (error instanceof FleetsecError) return [];
      throw error;
    }
  });
}
