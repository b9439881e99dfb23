import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { expect } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { type CliResult, runCli } from "./cli.ts";
import { testProject } from "./project.ts";

/** A project with a CA, and certificates `gateway` and `tms` for the embedded gateway and a client. */
export async function gatewayProject(): Promise<string> {
  const { directory: cwd } = testProject();
  for (const argv of [
    ["ca", "init", "--insecure-dev-key"],
    ["cert", "issue", "gateway", "--role", "gateway", "--san", "dns:localhost", "--san", "ip:127.0.0.1"],
    ["cert", "issue", "tms", "--role", "tms-connector"],
  ]) {
    expect(await runCli(argv, { cwd })).toMatchObject({ code: 0 });
  }
  return cwd;
}

export interface RunningGateway {
  readonly port: number;
  /** What it has written so far. */
  readonly live: { readonly stderr: string };
  /** How it ends. */
  readonly running: Promise<CliResult>;
  /** As SIGTERM does. */
  readonly stop: () => Promise<CliResult>;
}

/** Runs `fleetsec gateway --echo` over a project, and waits until it listens. */
export async function startGateway(cwd: string, auditLog = "events.jsonl"): Promise<RunningGateway> {
  const controller = new AbortController();
  const live = { stderr: "" };
  const running = runCli(["gateway", "--listen", "127.0.0.1:0", "--echo", "--audit-log", auditLog], {
    cwd,
    signal: controller.signal,
    onStderr: (text) => (live.stderr += text),
  });
  await expect.poll(() => live.stderr).toMatch(/listening on https:\/\/127\.0\.0\.1:\d+\//);
  return {
    port: Number(/:(\d+)\//.exec(live.stderr)?.[1]),
    live,
    running,
    stop() {
      controller.abort(new FleetsecError("terminated", "terminated"));
      return running;
    },
  };
}

/** What the gateway answers to `tms`. */
export function askGateway(cwd: string, port: number): Promise<{ status: number; body: string }> {
  const file = (path: string) => readFileSync(join(cwd, ".fleetsec", path));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "localhost",
        port,
        agent: false,
        ca: file("ca/bundle.pem"),
        cert: Buffer.concat([file("certs/tms/current/cert.pem"), file("certs/tms/current/chain.pem")]),
        key: file("certs/tms/current/key.pem"),
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (part: string) => (body += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end();
  });
}
