/** Writes digests one after the other. */
export interface DigestWriter {
  /** Takes a copy of them. */
  add(digests: Uint8Array): void;
  /** What was written; where `onFull` takes it, what that has not taken yet. */
  end(): Buffer;
}

/**
 * @param into where to write, at least one digest; when it is full, writing goes on in a larger copy of it
 * @param onFull takes what was written where there is to be no larger copy: then it is written over
 */
export function digestWriter(into: Buffer, onFull?: (written: Buffer) => void): DigestWriter {
  let [bytes, length] = [into, 0];
  const makeRoom = (): void => {
    if (onFull === undefined) {
      bytes = Buffer.concat([bytes], 2 * bytes.length);
    } else {
      onFull(bytes);
      length = 0;
    }
  };
  return {
    add(digests) {
      for (let at = 0; at < digests.length;) {
        if (length === bytes.length) makeRoom();
        const some = digests.subarray(at, at + bytes.length - length);
        bytes.set(some, length);
        length += some.length;
        at += some.length;
      }
    },
    end: () => bytes.subarray(0, length),
  };
}
