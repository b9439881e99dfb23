import { keptName } from "../verify/kept.ts";

/** The folder of a log's checkpoints in a place that holds those of many logs. */
export function folderName({ origin }: { readonly origin: string }): string {
  return keptName(origin);
}

/** The name of a log's checkpoint in such a place. */
export function checkpointName(checkpoint: { readonly origin: string; readonly size: number }): string {
  return `${folderName(checkpoint)}/${checkpoint.size}`;
}
