import { createHash } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import type { HttpAnswer, HttpRequest } from "../../platform/http.ts";
import type { SendHttp } from "../../platform/patient-http.ts";
import type { Clock } from "../../platform/platform.ts";
import type { S3Access } from "./credentials.ts";
import { readVersions, type VersionPage } from "./versions.ts";

/** One bucket. Requests are signed (Signature Version 4), bodies with their SHA-256. */
export interface S3Bucket {
  /**
   * The versions, and delete markers, of all keys that begin with `prefix`, by key, newest first; page by page.
   * @throws FleetsecError `unreachable`, also for more than `most` and for pages that lead back
   */
  versions(prefix: string, most: number): AsyncIterable<VersionPage>;
  /** An object: of a longer body the first `maxBytes`. */
  get(key: string, maxBytes: number, which?: WhichBytes): Promise<HttpAnswer>;
  /** The lock of a version (GetObjectRetention); undefined where it has none. */
  lock(key: string, versionId: string): Promise<ObjectLock | undefined>;
  /** Whether the bucket has Object Lock; undefined where it does not tell. */
  canLock(): Promise<boolean | undefined>;
  /** Writes an object as its newest version; the answer's status tells whether it did. */
  put(key: string, body: string | Uint8Array, options: PutOptions): Promise<HttpAnswer>;
  /** That an answer is not what is needed. */
  failure(answer: HttpAnswer, what: string): FleetsecError;
}

export interface WhichBytes {
  /** The newest one unless told. */
  readonly version?: string;
  /** The first and the last byte. */
  readonly range?: readonly [number, number];
}

export interface PutOptions {
  /**
   * What may be there: nothing of that key, the version with that ETag, or anything. Else the answer
   * is 412 (Precondition Failed).
   */
  readonly over: "nothing" | "anything" | { readonly etag: string };
  /** Locks the version in COMPLIANCE mode. */
  readonly lockedUntil?: Date | undefined;
}

export interface ObjectLock {
  readonly mode: string;
  /** Milliseconds since the epoch; NaN where the server does not say. */
  readonly until: number;
}

const TIMEOUT = 30_000;
/** Bytes a millisecond that are counted on, on top of that. */
const LEAST_SPEED = 500;
const MAX_PAGE = 8 << 20;

export function s3Bucket(
  bucket: string,
  access: S3Access,
  send: SendHttp,
  clock: Pick<Clock, "now">,
  signal: AbortSignal,
): S3Bucket {
  const at = (key: string): URL => {
    const { endpoint, region } = access;
    const base = endpoint ?? new URL(`https://s3.${region}.amazonaws.com/`);
    // path style: servers elsewhere, and names with dots, have no certificate for the other
    return new URL(`${base.pathname.replace(/\/$/, "")}/${bucket}${key === "" ? "" : `/${key}`}`, base);
  };
  const request = async (
    method: HttpRequest["method"],
    url: URL,
    options: Partial<Pick<HttpRequest, "headers" | "body" | "maxBody" | "cutBody">> = {},
  ): Promise<HttpAnswer> => {
    const { AwsV4Signer } = await import("aws4fetch");
    const { body = "", maxBody = MAX_PAGE, cutBody = false } = options;
    const signed = await new AwsV4Signer({
      method,
      url: url.href,
      headers: {
        ...options.headers,
        "x-amz-content-sha256": createHash("sha256").update(body).digest("hex"),
      },
      ...access,
      sessionToken: access.sessionToken ?? "",
      service: "s3",
      datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    }).sign();
    const headers = Object.fromEntries([...signed.headers].filter(([name]) => name !== "host"));
    return send({
      method,
      url: new URL(signed.url),
      headers,
      ...(method === "PUT" ? { body } : {}),
      timeout: TIMEOUT + Math.ceil(Math.max(Buffer.byteLength(body), maxBody) / LEAST_SPEED),
      maxBody,
      cutBody,
      keepAlive: true,
      signal,
    });
  };
  const failure = (answer: HttpAnswer, what: string) => {
    const code = errorCode(answer);
    return new FleetsecError("unreachable", `${what} of s3://${bucket}: ${answer.status} ${code}`.trimEnd(), {
      hint: HINTS[code] ?? "check the bucket, the credentials and their permissions, and AWS_REGION",
    });
  };
  return {
    failure,
    async *versions(prefix, most) {
      let count = 0;
      const leadsOn = forwardOnly();
      let next: VersionPage["next"] = { key: "", version: "" };
      for (; next !== undefined;) {
        const url = at("");
        url.search = new URLSearchParams({
          versions: "",
          prefix,
          ...(next.key === "" ? {} : { "key-marker": next.key }),
          ...(next.version === "" ? {} : { "version-id-marker": next.version }),
        }).toString();
        const answer = await request("GET", url);
        if (answer.status !== 200) throw failure(answer, "cannot list the versions");
        const page = await readVersions(answer.body);
        count += page.versions.length;
        // a server that leads in circles is not followed
        const onward = page.next === undefined || (page.versions.length > 0 && leadsOn(page.next));
        if (count > most || !onward) {
          throw new FleetsecError("unreachable", `s3://${bucket} lists versions without end`, {
            hint: `${most} below one prefix are read at most: check that it is the right one`,
          });
        }
        yield page;
        next = page.next;
      }
    },
    get: (key, maxBytes, { version, range } = {}) => {
      const url = at(key);
      if (version !== undefined) url.search = new URLSearchParams({ versionId: version }).toString();
      const headers = range === undefined ? {} : { range: `bytes=${range[0]}-${range[1]}` };
      return request("GET", url, { maxBody: maxBytes, cutBody: true, headers });
    },
    lock: async (key, versionId) => {
      const url = at(key);
      url.search = new URLSearchParams({ retention: "", versionId }).toString();
      const answer = await request("GET", url);
      const text = answer.body.toString("utf8");
      if (answer.status === 200) {
        const [, mode = ""] = /<Mode>([A-Za-z]{1,40})<\/Mode>/.exec(text) ?? [];
        const [, until = ""] = /<RetainUntilDate>([0-9TZ:.+-]{1,40})<\/RetainUntilDate>/.exec(text) ?? [];
        return { mode, until: Date.parse(until) };
      }
      // without a lock, and in a bucket that cannot have any
      if (/^(NoSuchObjectLockConfiguration|InvalidRequest)$/.test(errorCode(answer))) return undefined;
      throw failure(answer, `cannot read the lock of ${key}`);
    },
    canLock: async () => {
      const url = at("");
      url.search = "object-lock=";
      const answer = await request("GET", url);
      if (errorCode(answer) === "ObjectLockConfigurationNotFoundError") return false;
      return answer.status === 200
        ? /<ObjectLockEnabled>Enabled</.test(answer.body.toString("utf8"))
        : undefined;
    },
    put: (key, body, { over, lockedUntil }) =>
      request("PUT", at(key), {
        body,
        headers: {
          ...(over === "nothing" ? { "if-none-match": "*" } : {}),
          ...(typeof over === "object" ? { "if-match": over.etag } : {}),
          "content-type": typeof body === "string" ? "text/plain; charset=utf-8" : "application/octet-stream",
          "x-amz-checksum-sha256": createHash("sha256").update(body).digest("base64"),
          ...(lockedUntil === undefined
            ? {}
            : {
                "x-amz-object-lock-mode": "COMPLIANCE",
                "x-amz-object-lock-retain-until-date": lockedUntil.toISOString().replace(/\.\d{3}/, ""),
              }),
        },
      }),
  };
}

/** Tells of each marker of a listing whether it leads on: keys ascend, and of one key no version comes twice. */
function forwardOnly(): (marker: NonNullable<VersionPage["next"]>) => boolean {
  let last = Buffer.alloc(0);
  const versions = new Set<string>();
  return ({ key, version }) => {
    const at = Buffer.from(key);
    const order = Buffer.compare(at, last);
    if (order > 0) versions.clear();
    const leadsOn = order > 0 || (order === 0 && !versions.has(version));
    last = at;
    versions.add(version);
    return leadsOn;
  };
}

/** What S3 calls the fault; empty where it does not say. */
export function errorCode({ body }: Pick<HttpAnswer, "body">): string {
  return /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(body.subarray(0, 1 << 16).toString("latin1"))?.[1] ?? "";
}

const HINTS: Readonly<Record<string, string>> = {
  NoSuchBucket:
    "check its name; a bucket for a new log is made first, with Object Lock where it is to be locked",
  InvalidRequest: "where a lock is asked for, the bucket must have been made with Object Lock",
  SignatureDoesNotMatch: "check AWS_SECRET_ACCESS_KEY and AWS_REGION",
  InvalidAccessKeyId: "check AWS_ACCESS_KEY_ID",
  RequestTimeTooSkewed: "set this machine's clock",
};
