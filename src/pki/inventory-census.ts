import {
  countBelow,
  endKey,
  type KeyColumn,
  type KeyColumns,
  offsetOf,
  repeatedKeys,
  type Revocation,
} from "./inventory-index.ts";

/** What the keys of an inventory tell, before any of its lines is read. */
interface Counted {
  readonly total: number;
  readonly revoked: number;
  /** Past their end, and not revoked. */
  readonly expired: number;
  /** Where the lines of one name begin where it has several, one of them not past its end. */
  readonly sharers: Iterable<readonly number[]>;
}

/** @param now milliseconds since the epoch */
export function countedAt(
  { names, ends }: KeyColumns,
  revocations: Iterable<Revocation>,
  now: number,
): Counted {
  const ended = countBelow(ends, endKey(now));
  let [revoked, revokedAndEnded] = [0, 0];
  for (const { notAfter } of revocations) {
    revoked += 1;
    if (endKey(Date.parse(notAfter)) < endKey(now)) revokedAndEnded += 1;
  }
  return {
    total: names.length,
    revoked,
    expired: ended - revokedAndEnded,
    sharers: repeatedAmong(names, ends.subarray(ended)),
  };
}

/** Two names may have one key. */
function* repeatedAmong(names: KeyColumn, notEnded: KeyColumn): Generator<readonly number[]> {
  let among: ReadonlySet<number> | undefined;
  for (const offsets of repeatedKeys(names)) {
    among ??= new Set(Array.from(notEnded, offsetOf));
    if (offsets.some((offset) => among?.has(offset))) yield offsets;
  }
}
