import { FleetsecError } from "../../errors.ts";
import type { PartResult } from "../../logs/verify/part-result.ts";
import type { Files } from "../../platform/files.ts";
import { documentReader } from "../report/read-document.ts";

/** As docs/schema/verify-logs-part.v1.json has it: bytes in base64, what is undefined left out. */
type Encoded<T> = T extends Uint8Array
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Encoded<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Encoded<T[Key]> }
      : T;

type PartDocument = Encoded<Omit<PartResult, "time" | "ended" | "examination">> &
  Encoded<PartResult["examination"]> & { readonly time: string; readonly ended: string };

/**
 * Reads parts' results as `--partial` wrote them.
 * @returns a function of a path @throws FleetsecError `input`, from that function, for what is no such
 *   document, with what is wrong about it
 */
export function partReader(files: Files): (path: string) => PartResult {
  const read = documentReader(files, {
    schema: "verify-logs-part.v1.json",
    command: "fleetsec verify-logs --partial",
    hint: "name a file that fleetsec verify-logs --partial FILE wrote",
  });
  return (path) => decoded(path, read(path) as PartDocument);
}

function decoded(path: string, document: PartDocument): PartResult {
  const { version, time, ended, store, shard, asked, checkpoint, cosigned, kept } = document;
  const { range, whole, batches, unread, leaves } = document;
  const { log } = whole;
  return {
    version,
    time: Date.parse(time),
    ended: Date.parse(ended),
    store,
    shard,
    asked: { ...asked, anchors: asked.anchors.map((one) => ({ ...one, root: bytesOf(path, one.root) })) },
    checkpoint,
    cosigned,
    kept: kept === undefined ? undefined : { ...kept, root: bytesOf(path, kept.root) },
    examination: {
      range,
      whole: { ...whole, log: log === undefined ? undefined : { ...log, root: bytesOf(path, log.root) } },
      batches,
      unread,
      leaves: leaves === undefined ? undefined : bytesOf(path, leaves),
    },
  };
}

function bytesOf(path: string, text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  throw new FleetsecError("input", `${path} holds what is no base64`);
}
