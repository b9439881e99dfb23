import { execFileSync, spawn } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { formatVerifierKey, verifierKey } from "../../src/logs/verifier-key.ts";
import { freePorts, startProcess } from "./process.ts";

export interface WitnessPrograms {
  readonly litewitness: string;
  readonly sshAgent: string;
  readonly python: string;
}

export interface RunningWitness {
  readonly url: string;
  /** Its verifier key, as a policy names it. */
  readonly key: string;
  stop(): Promise<void>;
}

/** torchwood's litewitness, which knows the logs given; its key is in an ssh-agent of its own. */
export async function startWitness(
  programs: WitnessPrograms,
  name: string,
  logs: readonly { readonly origin: string; readonly key: string }[],
): Promise<RunningWitness> {
  // a socket's path has at most 107 characters
  const directory = mkdtempSync(join(tmpdir(), "fs-w-"));
  const [socket, key, database] = [join(directory, "agent"), join(directory, "key"), join(directory, "db")];
  const agent = spawn(programs.sshAgent, ["-D", "-a", socket], { stdio: "ignore" });
  const ended = once(agent, "close");
  while (!existsSync(socket)) {
    if (agent.exitCode !== null) throw new Error("ssh-agent did not start");
    await delay(10);
  }
  const [keygen, add] = ["keygen", "add"].map((tool) => programs.sshAgent.replace(/agent$/, tool)) as [
    string,
    string,
  ];
  const quiet = { stdio: "pipe", encoding: "utf8" } as const;
  execFileSync(keygen, ["-q", "-t", "ed25519", "-N", "", "-C", "witness", "-f", key], quiet);
  execFileSync(add, ["-q", key], { ...quiet, env: { ...process.env, SSH_AUTH_SOCK: socket } });
  const [, fingerprint = ""] = execFileSync(keygen, ["-lf", `${key}.pub`], quiet).split(" ");
  const [port = 0] = await freePorts(1);
  const args = [
    "-db",
    database,
    "-key",
    fingerprint,
    "-name",
    name,
    "-ssh-agent",
    socket,
    "-listen",
    `127.0.0.1:${port}`,
  ];
  const server = await startProcess(programs.litewitness, args, { cwd: directory, port });
  // witnessctl, which would do this, cannot be built: it is in no module of its own
  const insert = `
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=30) as database:
    for log in json.loads(sys.argv[2]):
        database.execute("INSERT INTO log VALUES (?, 0, ?)", (log["origin"], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="))
        database.execute("INSERT INTO key VALUES (?, ?)", (log["origin"], log["key"]))`;
  execFileSync(programs.python, ["-c", insert, database, JSON.stringify(logs)], quiet);
  // RFC 8709: the last 32 bytes of the blob are the key
  const blob = Buffer.from(readFileSync(`${key}.pub`, "utf8").split(" ")[1] ?? "", "base64");
  const publicKey = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: blob.subarray(-32).toString("base64url") },
    format: "jwk",
  });
  return {
    url: `http://127.0.0.1:${port}/`,
    key: formatVerifierKey(verifierKey(name, "cosignature/v1", publicKey)),
    async stop() {
      await server.stop();
      agent.kill();
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}
