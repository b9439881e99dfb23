import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { runCli } from "../support/cli.ts";
import { freePorts, startProcess } from "./process.ts";

const execute = promisify(execFile);

/** An OpenBao server over TLS, set up by what `scaffold vault` writes for a project. */
export interface VaultServer {
  readonly address: string;
  /** PEM file that its own certificate comes from. */
  readonly ca: string;
  /** PEM file of the root that it made. */
  readonly root: string;
  /** Asks its API as root. */
  ask(path: string, body?: object, method?: string): Promise<Answer>;
  stop(): Promise<void>;
}

// oxlint-disable-next-line typescript/no-explicit-any
type Answer = any;

const ROOT = "root-token-of-a-test";

/** @param project a directory with fleetsec.yaml, in which everything is written */
export async function startVault(program: string, project: string): Promise<VaultServer> {
  const [port = 0] = await freePorts(1);
  const address = `https://127.0.0.1:${port}`;
  const tls = ["-dev-tls", `-dev-tls-cert-dir=${project}`, `-dev-listen-address=127.0.0.1:${port}`];
  const server = await startProcess(
    program,
    ["server", "-dev", "-dev-no-store-token", `-dev-root-token-id=${ROOT}`, ...tls],
    { cwd: project, port, env: { HOME: project } },
  );
  // OpenBao names it as Vault did
  const ca = join(project, "vault-ca.pem");
  try {
    const written = await runCli(["scaffold", "vault"], { cwd: project, env: {} });
    if (written.code !== 0) throw new Error(written.stderr);
    const directory = join(project, "deploy/vault");
    await execute("sh", ["setup.sh"], {
      cwd: directory,
      env: {
        PATH: process.env["PATH"],
        HOME: project,
        BAO: program,
        BAO_ADDR: address,
        BAO_TOKEN: ROOT,
        BAO_CACERT: ca,
      },
    });
    return {
      address,
      ca,
      root: join(directory, "root.pem"),
      ask: (path, body, method = body === undefined ? "GET" : "POST") =>
        send(new URL(`/v1/${path}`, address), method, readFileSync(ca, "utf8"), body),
      stop: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function send(url: URL, method: string, ca: string, body: object | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, ca, agent: false, headers: { "x-vault-token": ROOT } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) >= 300)
            reject(new Error(`${url.pathname}: ${response.statusCode} ${text}`));
          else resolve(text === "" ? {} : JSON.parse(text));
        });
      },
    );
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
