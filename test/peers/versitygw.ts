import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, expect } from "vitest";
import { freePorts, startProcess } from "./process.ts";

interface S3Server {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** A server that runs while the tests of a `describe` do. */
export interface S3OfTests {
  /** What a client's environment holds to reach it. */
  readonly env: () => Readonly<Record<string, string>>;
  /** Sends a request as the buckets' owner. */
  readonly owner: ReturnType<typeof ownerOf>;
  /** A bucket of its own, with Object Lock unless told. */
  readonly newBucket: (locked?: boolean) => Promise<string>;
}

export function s3OfTests(program: string): S3OfTests {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  let server: S3Server;
  let buckets = 0;
  beforeAll(async () => {
    server = await startS3(program, directory);
  }, 180_000);
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });
  const owner: S3OfTests["owner"] = (...request) => ownerOf(server.env)(...request);
  return {
    env: () => server.env,
    owner,
    async newBucket(locked = true) {
      buckets += 1;
      const bucket = `bucket-${buckets}`;
      const lock = locked ? { "x-amz-bucket-object-lock-enabled": "true" } : {};
      expect(await owner("PUT", bucket, lock)).toMatchObject({ status: 200 });
      return bucket;
    },
  };
}

/** VersityGW over a directory: an S3 server with versions and Object Lock. */
async function startS3(program: string, directory: string): Promise<S3Server> {
  const [port = 0] = await freePorts(1);
  const [data, versions] = [join(directory, "data"), join(directory, "versions")];
  for (const path of [data, versions]) mkdirSync(path);
  const keys = { ROOT_ACCESS_KEY: "fleetsec-test", ROOT_SECRET_KEY: "fleetsec-test-secret" };
  const args = ["--port", `127.0.0.1:${port}`, "posix", "--versioning-dir", versions, data];
  const server = await startProcess(program, args, { cwd: directory, port, env: keys });
  return {
    env: {
      AWS_ACCESS_KEY_ID: keys.ROOT_ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: keys.ROOT_SECRET_KEY,
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    },
    stop: () => server.stop(),
  };
}

/** What sends requests as the buckets' owner does, signed by the library itself. */
function ownerOf(env: S3Server["env"]) {
  const client = new AwsClient({
    accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "",
    region: "us-east-1",
    service: "s3",
    retries: 0,
  });
  return async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const url = `${env["AWS_ENDPOINT_URL"]}/${path}`;
    const response = await client.fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

/** Headers that lock an object for so many days. */
export function lockOf(mode: string, days: number): Record<string, string> {
  return {
    "x-amz-object-lock-mode": mode,
    "x-amz-object-lock-retain-until-date": new Date(Date.now() + days * 86_400_000).toISOString(),
  };
}
