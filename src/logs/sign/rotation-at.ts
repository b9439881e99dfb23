import { FleetsecError } from "../../errors.ts";
import { batchPath } from "../layout.ts";
import { MAX_ROTATION_BYTES, parseRotation, type Rotation } from "../rotation.ts";
import type { LogStore } from "../store.ts";

/** The change of a log's keys that the last batch of its tree of `size` batches is; undefined where it is another. */
export async function rotationAt(
  store: LogStore,
  origin: string,
  size: number,
): Promise<Rotation | undefined> {
  let batch: Buffer | undefined;
  try {
    batch = await store.read(batchPath(size - 1), MAX_ROTATION_BYTES);
  } catch (error) {
    // a batch that is larger is no rotation
    if (error instanceof FleetsecError && error.code === "input") return undefined;
    throw error;
  }
  const rotation = batch === undefined ? undefined : parseRotation(batch);
  return rotation?.origin === origin && rotation.size === size ? rotation : undefined;
}
