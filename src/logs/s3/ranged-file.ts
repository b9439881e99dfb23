import type { StoredFile } from "../verify/store.ts";

/** Bytes that are asked for at once. */
export const PART = 2 << 20;
/** Parts that are asked for before they are needed. */
const AHEAD = 3;

/**
 * A file of which a server gives parts. It keeps a few of them: whoever reads on from the beginning
 * rarely waits, and whoever goes back waits for one.
 * @param fetch gives the bytes `from` to before `to`
 */
export function rangedFile(size: number, fetch: (from: number, to: number) => Promise<Buffer>): StoredFile {
  const parts = new Map<number, Promise<Buffer>>();
  const ask = (index: number): Promise<Buffer> => {
    const known = parts.get(index);
    if (known !== undefined) return known;
    const part = fetch(index * PART, Math.min(size, (index + 1) * PART));
    // a part that nobody comes to need may fail
    part.catch(() => undefined);
    parts.set(index, part);
    return part;
  };
  let last = -1;
  const partAt = (index: number): Promise<Buffer> => {
    const reading = index === last || index === last + 1;
    last = index;
    for (const held of parts.keys()) if (held < index || held > index + AHEAD) parts.delete(held);
    const part = ask(index);
    const ahead = reading ? index + AHEAD : index;
    for (let next = index + 1; next <= ahead && next * PART < size; next += 1) void ask(next);
    return part;
  };
  return {
    size,
    async read(into, position) {
      let done = 0;
      while (done < into.length && position + done < size) {
        const at = position + done;
        const index = Math.floor(at / PART);
        const part = await partAt(index);
        done += part.copy(into, done, at - index * PART);
      }
      return done;
    },
  };
}
