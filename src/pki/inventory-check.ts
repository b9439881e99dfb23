import { crc32 } from "node:zlib";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { damaged, decodeLines } from "./inventory-line.ts";

/** What has been read of an inventory: bytes and lines, and the CRC-32 of those bytes. */
export interface Covered {
  readonly length: number;
  readonly lines: number;
  readonly crc: number;
}

export interface InventoryCheck {
  /** @throws FleetsecError `state` where the file does not hold any more what was read of it */
  require(covered: Covered): void;
  /** To be called after a write of our own to what was found whole. */
  written(): void;
}

/**
 * Whether an inventory still holds what was read of it, by way of its index or by this process. The
 * bytes are read again only where the file is not as it was when they last were.
 */
export function inventoryCheck(files: Files, path: string): InventoryCheck {
  let seen: string | undefined;
  const stamp = () => {
    const { id, size, mtime } = files.stat(path);
    return `${id} ${size} ${mtime}`;
  };
  return {
    require(covered) {
      // before the bytes: what is changed meanwhile is looked at the next time
      const now = stamp();
      if (now === seen) return;
      if (crcOf(files, path, covered.length) !== covered.crc) throw damageIn(files, path, covered);
      seen = now;
    },
    written() {
      seen = stamp();
    },
  };
}

/** Bytes that are read at once: they stay in the processor's cache. */
const BLOCK = 1 << 17;

/** Of as much as there is up to `length`. */
function crcOf(files: Files, path: string, length: number): number {
  const file = files.open(path, { follow: true });
  try {
    const block = Buffer.allocUnsafe(Math.min(BLOCK, length));
    let crc = 0;
    for (let at = 0, read = -1; at < length && read !== 0; at += read) {
      read = file.read(block.subarray(0, Math.min(block.length, length - at)), at);
      // zlib begins anew at an empty buffer
      if (read > 0) crc = crc32(block.subarray(0, read), crc);
    }
    return crc;
  } finally {
    file.close();
  }
}

/** Reads line by line what does not hold what it should, to say where. */
export function damageIn(files: Files, path: string, { length, lines }: Covered): FleetsecError {
  const file = files.open(path, { follow: true });
  try {
    const data = Buffer.alloc(Math.min(length, file.size));
    const decoded = decodeLines(data.subarray(0, file.read(data, 0)), path, 0, 0);
    if (decoded.lines < lines) return damaged(path, `line ${decoded.lines + 1}`);
  } catch (error) {
    if (error instanceof FleetsecError) return error;
    throw error;
  } finally {
    file.close();
  }
  return new FleetsecError("state", `${path} is not the inventory that was read before`, {
    hint: "nothing was changed; run the command again, and where that does not help remove inventory.index: it is made anew",
  });
}
