import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePorts, startProcess } from "./process.ts";

export interface S3Server {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** VersityGW over a directory: an S3 server with versions and Object Lock. */
export async function startS3(program: string, directory: string): Promise<S3Server> {
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
