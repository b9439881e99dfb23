/** Bytes in the order of their arrival. Its work is linear in what is pushed, however small the pieces. */
export interface ByteQueue {
  readonly length: number;
  push(bytes: Uint8Array): void;
  /** The first bytes, which stay; undefined where there are fewer. */
  peek(length: number): Uint8Array | undefined;
  /** Removes the first bytes; undefined where there are fewer. What it gave stays as it is. */
  take(length: number): Uint8Array | undefined;
}

export function byteQueue(): ByteQueue {
  let room = new Uint8Array();
  let start = 0;
  let end = 0;
  const peek = (length: number) => (length > end - start ? undefined : room.subarray(start, start + length));
  return {
    get length() {
      return end - start;
    },
    push(bytes) {
      if (end + bytes.length > room.length) {
        // a new room each time: views of the old one have been given away
        const larger = new Uint8Array(2 * (end - start + bytes.length));
        larger.set(room.subarray(start, end));
        room = larger;
        end -= start;
        start = 0;
      }
      room.set(bytes, end);
      end += bytes.length;
    },
    peek,
    take(length) {
      const taken = peek(length);
      start += taken?.length ?? 0;
      return taken;
    },
  };
}
