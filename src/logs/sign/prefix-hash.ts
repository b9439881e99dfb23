import { createHash } from "node:crypto";
import { sha256 } from "../merkle.ts";

/**
 * The hash of an input's first bytes: their SHA-256, or where they are several stretches, the SHA-256 over
 * the SHA-256s of those. So a stretch that was hashed elsewhere need not be hashed again.
 */
export interface PrefixHash {
  /** Hashes the next bytes, in the stretch that is open. */
  update(bytes: Uint8Array): void;
  /** Closes that stretch: what follows is another. */
  cut(): void;
  /** Takes the next bytes, by their number and SHA-256, as a stretch of their own. */
  add(bytes: number, digest: Uint8Array): void;
  /** What it is up to here; all but that stays as it is. */
  digest(): PrefixDigest;
}

export interface PrefixDigest {
  /** In hex. */
  readonly sha256: string;
  /** How many bytes each stretch has; undefined where there is one at most. */
  readonly stretches?: readonly number[];
}

interface Stretch {
  readonly bytes: number;
  readonly digest: Uint8Array;
}

export function prefixHash(): PrefixHash {
  const closed: Stretch[] = [];
  let [hash, length] = [createHash("sha256"), 0];
  const openStretch = (): Stretch => ({ bytes: length, digest: hash.copy().digest() });
  const cut = (): void => {
    if (length > 0) closed.push(openStretch());
    [hash, length] = [createHash("sha256"), 0];
  };
  return {
    update(bytes) {
      hash.update(bytes);
      length += bytes.length;
    },
    cut,
    add(bytes, digest) {
      cut();
      closed.push({ bytes, digest });
    },
    digest() {
      const all = length > 0 || closed.length === 0 ? [...closed, openStretch()] : closed;
      const [first, ...others] = all as [Stretch, ...Stretch[]];
      if (others.length === 0) return { sha256: Buffer.from(first.digest).toString("hex") };
      return {
        sha256: sha256(Buffer.concat(all.map(({ digest }) => digest))).toString("hex"),
        stretches: all.map(({ bytes }) => bytes),
      };
    },
  };
}
