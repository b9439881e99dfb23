import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** What it has written so far. */
  readonly written: { readonly stdout: string; readonly stderr: string };
}

/** A process of Node's own; what it writes is kept. */
export function start(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Started {
  const child = spawn(process.execPath, args, { cwd, env: { ...process.env, ...env } });
  const written = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (written.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (written.stderr += chunk.toString()));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ...written }));
  return { child, ended, written };
}

/** Waits until something holds of what a process writes; a process that ends before is a fault. */
export async function until({ child, ended, written }: Started, holds: () => boolean): Promise<void> {
  const over = ended.then(({ code, stderr }) => {
    throw new Error(`it ended with ${code}: ${stderr}\n${written.stdout}`);
  });
  over.catch(() => {});
  while (!holds()) {
    const done = new AbortController();
    const chunks = [child.stdout, child.stderr].map((stream) => once(stream, "data", done));
    await Promise.race([...chunks, over]).finally(() => done.abort());
  }
}
