import type { ObjectLock } from "./client.ts";

/** A lock that ends sooner after the object was written protects nothing that an audit could find. */
export const MIN_RETENTION = 30 * 86_400;
/** Seconds: longer ones are slips. */
export const MAX_RETENTION = 100 * 365 * 86_400;

/** Seconds by which the clocks of a signer and its server may differ, the request on its way included. */
const MAX_SKEW = 3600;

/**
 * What is wrong with the lock of a version; undefined where nothing is.
 * @param written when the version was, as the server says
 * @param least seconds from then on for which it must be locked
 */
export function lockWeakness(
  lock: ObjectLock | undefined,
  written: string,
  least: number,
): string | undefined {
  if (lock === undefined) return "is not locked";
  if (lock.mode !== "COMPLIANCE") return `is locked in ${lock.mode} mode, which some may override`;
  if (lock.until - Date.parse(written) >= (least - MAX_SKEW) * 1000) return undefined;
  return `was locked for less than ${spanText(least)}`;
}

function spanText(seconds: number): string {
  if (seconds % 86_400 !== 0) return `${seconds} s`;
  return seconds === 86_400 ? "a day" : `${seconds / 86_400} days`;
}
