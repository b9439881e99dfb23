import type { Finding } from "./finding.ts";
import { keyName } from "./signed-checkpoint.ts";
import type { LogKey, Trust } from "./trust.ts";

/** Whether a key signs no more. Whoever holds it now may be anybody. */
export function isRetired({ sizes }: LogKey): boolean {
  return sizes !== undefined && sizes.last !== Number.POSITIVE_INFINITY;
}

/** Whether nothing but retired keys signed: that tells nothing of when. */
export function isByRetiredAlone({ keys }: { readonly keys: readonly LogKey[] }): boolean {
  return keys.length > 0 && keys.every(isRetired);
}

/** A size that a log had: a key's range begins or ends there. */
interface Reached {
  readonly size: number;
  readonly key: LogKey;
}

/**
 * The largest size that a log had by the trust file: each end of a key's range is the checkpoint of a
 * change of keys, but for a range that begins at 1.
 */
function reachedBy({ logs }: Trust, origin: string | undefined): Reached | undefined {
  const all = logs
    .filter(({ name }) => name === origin)
    .flatMap((key) => {
      const { first = 1, last = 1 } = key.sizes ?? {};
      return { size: isRetired(key) ? last : first, key };
    });
  return all.find(({ size }) => size > 1 && all.every((other) => other.size <= size));
}

/** What there is to say of a log that is shorter than the trust file's ranges, which no store can alter. */
export function shorterThanTrust(
  trust: Trust,
  origin: string | undefined,
  size: number,
): Finding | undefined {
  const reached = reachedBy(trust, origin);
  if (reached === undefined || reached.size <= size) return undefined;
  const { size: to, key } = reached;
  const end = isRetired(key) ? "until" : "from";
  return {
    code: "TAIL_TRUNCATED",
    seq: size,
    from: size,
    to,
    detail:
      `the log ends at size ${size}, and by the trust file it had at least ${to}: ${keyName(key)} counts ${end} there. ` +
      "Its end was cut off, or it was made with a retired key, or it is a copy from before that change of keys",
  };
}
