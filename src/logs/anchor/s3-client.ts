import { createHash } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import type { HttpAnswer, HttpRequest } from "../../platform/http.ts";
import type { SendHttp } from "../../platform/patient-http.ts";
import type { Clock } from "../../platform/platform.ts";
import type { S3Access } from "./s3-credentials.ts";
import { MAX_ANCHORS } from "./place.ts";
import { readVersions, type VersionPage } from "./s3-versions.ts";

/** One bucket. Requests are signed (Signature Version 4), bodies with their SHA-256. */
export interface S3Bucket {
  /** The versions, and delete markers, of all keys that begin with `prefix`, by key, newest first; page by page. */
  versions(prefix: string): AsyncIterable<VersionPage>;
  /** A version, or the newest one: of a longer body the first `maxBytes`. */
  get(key: string, versionId: string | undefined, maxBytes: number): Promise<HttpAnswer>;
  /** The lock of a version (GetObjectRetention); undefined where it has none. */
  lock(key: string, versionId: string): Promise<ObjectLock | undefined>;
  /** Creates an object where there is none of that key, locked until then; the answer's status tells. */
  create(key: string, body: string, lockedUntil: Date): Promise<HttpAnswer>;
  /** That an answer is not what is needed. */
  failure(answer: HttpAnswer, what: string): FleetsecError;
}

export interface ObjectLock {
  readonly mode: string;
  /** Milliseconds since the epoch; NaN where the server does not say. */
  readonly until: number;
}

const TIMEOUT = 30_000;
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
      body,
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
      timeout: TIMEOUT,
      maxBody,
      cutBody,
      keepAlive: true,
      signal,
    });
  };
  const failure = (answer: HttpAnswer, what: string) => {
    const [, code = ""] = /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(answer.body.toString("latin1")) ?? [];
    return new FleetsecError("unreachable", `${what} of s3://${bucket}: ${answer.status} ${code}`.trimEnd(), {
      hint: "check the bucket, the credentials and their permissions, and AWS_REGION",
    });
  };
  return {
    failure,
    async *versions(prefix) {
      let count = 0;
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
        if (count > MAX_ANCHORS || (page.next !== undefined && page.versions.length === 0)) {
          throw new FleetsecError("unreachable", `s3://${bucket} lists versions without end`);
        }
        yield page;
        next = page.next;
      }
    },
    get: (key, versionId, maxBytes) => {
      const url = at(key);
      if (versionId !== undefined) url.search = new URLSearchParams({ versionId }).toString();
      return request("GET", url, { maxBody: maxBytes, cutBody: true });
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
      if (/<Code>(NoSuchObjectLockConfiguration|InvalidRequest)<\/Code>/.test(text)) return undefined;
      throw failure(answer, `cannot read the lock of ${key}`);
    },
    create: (key, body, lockedUntil) =>
      request("PUT", at(key), {
        body,
        headers: {
          "if-none-match": "*",
          "content-type": "text/plain; charset=utf-8",
          "x-amz-checksum-sha256": createHash("sha256").update(body).digest("base64"),
          "x-amz-object-lock-mode": "COMPLIANCE",
          "x-amz-object-lock-retain-until-date": lockedUntil.toISOString().replace(/\.\d{3}/, ""),
        },
      }),
  };
}
