import { keptName } from "../verify/kept.ts";

/** The name of a log's checkpoint in a place that holds those of many logs and sizes. */
export function checkpointName({ origin, size }: { readonly origin: string; readonly size: number }): string {
  return `${keptName(origin)}/${size}`;
}
