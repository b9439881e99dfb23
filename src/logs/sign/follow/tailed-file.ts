import type { OpenFile } from "../../../platform/files.ts";
import { holdsPrivateKey } from "../../key-file.ts";
import { NEWLINE } from "../../records.ts";
import type { ByteSource } from "../lines.ts";
import { type Ends, extendEnds, WINDOW } from "../positions.ts";

/** A file that may still be written to: at its end there is nothing yet, until it is told to stop. */
export interface TailedFile extends ByteSource {
  /** Device and inode of the file that is read. */
  readonly id: string;
  /** Whether what was read from the file is no longer in it: it was truncated, and perhaps written anew. */
  readonly truncated: boolean;
  /** The same, of what is in it now. */
  isTruncated(): boolean;
  /** Whether it was empty when it was opened, and a private key was written into it: nothing of it is given. */
  readonly isKey: boolean;
  /** How many bytes of it were read. */
  readonly position: number;
  /** Whether any byte was read. */
  readonly begun: boolean;
  /** Whether it has two lines and more and they are, as far as is kept of them, all equal. */
  readonly isUniform: boolean;
  /** Told that the file was seen shorter than what was read of it: it is truncated, whatever it holds by now. */
  shrank(): void;
  /**
   * Whether `other` can be a copy that is being made of this file: it begins as this file did, as far
   * as the shorter of both goes. An empty file has no copy with something in it.
   */
  isCopiedTo(other: OpenFile): boolean;
  /** Whether `other` has all that was read of this file where it was read. */
  isHeldBy(other: OpenFile): boolean;
  /** Reads on at the same place in another file, which holds the same up to there. */
  moveTo(file: OpenFile): void;
  /** From now on the end of the file is the end of the input. */
  stop(): void;
  /** How long the file is by now. */
  size(): number;
  /** No more than its first bytes are read, so many. */
  endAt(bytes: number): void;
  /** Ends reading, and gives the file, to be closed. */
  detach(): OpenFile;
  close(): void;
}

/**
 * @param position of the first byte that is read
 * @param before what is before it, as it was when it was compared with what is signed
 */
export function tailedFile(opened: OpenFile, position: number, before: Ends): TailedFile {
  let file = opened;
  let at = position;
  let ends = before;
  let until = Number.POSITIVE_INFINITY;
  let [stopped, truncated, isKey] = [false, false, false];

  /**
   * Asked after a read: bytes belong to what was read before only where that is still there. The new
   * beginning of a file counts too, as it can be truncated between two parts of its first read.
   */
  const isIn = (among: OpenFile, { head, last }: Ends, end: number): boolean =>
    readAt(among, 0, head.length).equals(head) && readAt(among, end - last.length, last.length).equals(last);

  return {
    get id() {
      return file.id;
    },
    get truncated() {
      return truncated;
    },
    get isKey() {
      return isKey;
    },
    isTruncated() {
      truncated ||= !isIn(file, ends, at);
      return truncated;
    },
    get position() {
      return at;
    },
    get begun() {
      return at > 0;
    },
    async read(target) {
      if (truncated || isKey) return stopped ? 0 : undefined;
      if (at >= until) return undefined;
      const read = file.read(target.subarray(0, Math.min(target.length, until - at)), at);
      // openssl makes the file of a key before it makes the key
      isKey = at === 0 && read > 0 && holdsPrivateKey(file);
      if (isKey) return stopped ? 0 : undefined;
      const now = extendEnds(ends, Buffer.from(target.buffer, target.byteOffset, read));
      const same = isIn(file, now, at + read);
      truncated = !same && at > 0;
      if (!same || read === 0) return stopped ? 0 : undefined;
      ends = now;
      at += read;
      return read;
    },
    get isUniform() {
      return areLinesEqual(ends);
    },
    shrank() {
      truncated = true;
    },
    isCopiedTo(other) {
      // the copy first: where the file is empty after that, it was truncated, and the copy is complete
      const copy = readAt(other, 0, WINDOW);
      const own = at > 0 ? ends.head : readAt(file, 0, WINDOW);
      const common = Math.min(copy.length, own.length);
      return copy.length === 0 || (common > 0 && copy.subarray(0, common).equals(own.subarray(0, common)));
    },
    isHeldBy: (other) => isIn(other, ends, at),
    moveTo(next) {
      file.close();
      [file, truncated] = [next, false];
    },
    stop() {
      stopped = true;
    },
    size: () => file.now().size,
    endAt(bytes) {
      until = bytes;
    },
    detach: () => file,
    close: () => file.close(),
  };
}

function readAt(file: OpenFile, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, file.read(bytes, position));
}

function areLinesEqual({ head, last }: Ends): boolean {
  const line = head.subarray(0, head.indexOf(NEWLINE) + 1);
  const isRepeated = (bytes: Buffer) =>
    bytes.subarray(line.length).equals(bytes.subarray(0, Math.max(0, bytes.length - line.length)));
  return (
    line.length > 0 && head.length >= 2 * line.length && [head, last].every(isRepeated) && last.includes(line)
  );
}
