import { type EndpointResult, leftOutOf } from "../probe/result.ts";

/** What the user left out of the battery; undefined where that is nothing. */
export function selectionText(endpoints: readonly EndpointResult[]): string | undefined {
  const counts = endpoints.map(leftOutOf);
  if (counts.every(({ left }) => left === 0)) return undefined;
  const told = new Set(counts.map(({ left, all }) => `${left} of ${all} attacks not selected`));
  const [only] = told;
  return told.size === 1 ? only : "not every attack selected for every endpoint";
}

/** A verdict, and behind it what it does not stand for. */
export function withSelection(verdict: string, endpoints: readonly EndpointResult[]): string {
  const selection = selectionText(endpoints);
  return selection === undefined ? verdict : `${verdict}; ${selection}`;
}
