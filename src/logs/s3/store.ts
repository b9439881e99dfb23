import { FleetsecError } from "../../errors.ts";
import type { HttpAnswer } from "../../platform/http.ts";
import type { Clock } from "../../platform/platform.ts";
import type { LogStore } from "../store.ts";
import { errorCode, type PutOptions, type S3Bucket } from "./client.ts";
import { keyOf, type S3Location, urlOf } from "./location.ts";
import { lockWeakness } from "./lock.ts";

/** Attempts where S3 says that another request for the same key was under way. */
const ATTEMPTS = 5;
/** Seconds for which what an interrupted run left must still be locked. */
const LEAST_LEFT = 86_400;

/**
 * A store in a bucket. What is created there is never replaced or removed, and locked in COMPLIANCE
 * mode where that is asked for; what is replaced must be what was read last.
 * @param retention seconds for which a created object is locked; undefined leaves it to the bucket
 */
export function s3Store(
  location: S3Location,
  bucket: S3Bucket,
  retention: number | undefined,
  clock: Pick<Clock, "now" | "sleep">,
): LogStore {
  /** What was there when it was read last: its ETag, or nothing. */
  const seen = new Map<string, PutOptions["over"]>();
  const nameOf = (path: string) => urlOf(location, keyOf(location, path));

  const put = async (path: string, data: string | Uint8Array, options: PutOptions): Promise<HttpAnswer> => {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await bucket.put(keyOf(location, path), data, options);
      if (answer.status !== 409 || attempt === ATTEMPTS) return answer;
      await clock.sleep(100 * attempt);
    }
  };
  const get = async (path: string, maxBytes: number): Promise<HttpAnswer | undefined> => {
    const range = [0, maxBytes] as const;
    let answer = await bucket.get(keyOf(location, path), maxBytes + 1, { range });
    // an empty object has no such range
    if (answer.status === 416) answer = await bucket.get(keyOf(location, path), 1);
    if (answer.status === 404 && errorCode(answer) !== "NoSuchBucket") return undefined;
    if (answer.status !== 200 && answer.status !== 206) throw bucket.failure(answer, `cannot read ${path}`);
    return answer;
  };
  /** What is there instead of what was to be written. @returns its version, where its bytes are the same */
  const sameThere = async (path: string, data: Uint8Array): Promise<HttpAnswer | undefined> => {
    const there = await get(path, data.length);
    return there !== undefined && Buffer.compare(there.body, data) === 0 ? there : undefined;
  };
  const requireLock = async (path: string, { headers }: HttpAnswer): Promise<void> => {
    if (retention === undefined) return;
    const lock = await bucket.lock(keyOf(location, path), headers["x-amz-version-id"] ?? "null");
    const weakness = lockWeakness(lock, new Date(clock.now()).toISOString(), LEAST_LEFT);
    if (weakness === undefined) return;
    throw new FleetsecError("refused", `${nameOf(path)} was there already, and ${weakness}`, {
      hint: "lock it with the bucket's own tools, or sign without logs.retention",
    });
  };

  return {
    name: location.source,
    async read(path, maxBytes) {
      const answer = await get(path, maxBytes);
      const { etag } = answer?.headers ?? {};
      seen.set(path, answer === undefined ? "nothing" : etag === undefined ? "anything" : { etag });
      if (answer === undefined || answer.body.length <= maxBytes) return answer?.body;
      throw new FleetsecError("input", `${nameOf(path)} is longer than ${maxBytes} bytes`);
    },
    async create(path, data) {
      const lockedUntil = retention === undefined ? undefined : new Date(clock.now() + retention * 1000);
      const answer = await put(path, data, { over: "nothing", lockedUntil });
      if (answer.status === 200) return;
      if (answer.status !== 412) throw bucket.failure(answer, `cannot write ${path}`);
      // an earlier run, or an earlier attempt whose answer was lost
      const same = await sameThere(path, Buffer.from(data));
      if (same !== undefined) return requireLock(path, same);
      throw new FleetsecError("exists", `${nameOf(path)} is there already and is something else`, {
        hint: "only one signer may write to a log: see whether another one does",
      });
    },
    async replace(path, data) {
      const over = seen.get(path) ?? "anything";
      let answer = await put(path, data, { over });
      // a server that knows no conditions there: the checkpoint under its size has settled what is due
      if (answer.status === 501) answer = await put(path, data, { over: "anything" });
      if (answer.status === 412 || answer.status === 404) {
        const same = await sameThere(path, Buffer.from(data));
        if (same === undefined) {
          throw new FleetsecError("busy", `${nameOf(path)} was replaced by someone else meanwhile`, {
            hint: "only one signer may write to a log: see whether another one does",
          });
        }
        answer = same;
      } else if (answer.status !== 200) throw bucket.failure(answer, `cannot write ${path}`);
      const { etag } = answer.headers;
      if (etag === undefined) seen.delete(path);
      else seen.set(path, { etag });
    },
  };
}
