import type { Readable } from "node:stream";
import { once } from "node:events";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

export interface ChildRequest {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: string | Uint8Array | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  /** Bytes of each of stdout and stderr; a process that writes more is ended. */
  readonly maxOutput: number;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds that it may go on for once `signal` has come. */
  readonly linger: number;
}

/** Why a process was ended, or is not believed. */
export type Cut = "timeout" | "output" | "signal";

export interface ChildResult {
  /** `null` when it was ended by a signal, by whomever. */
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly cut: Cut | undefined;
}

/** Milliseconds from SIGTERM to SIGKILL, between two looks in that time, and after it until it is given up. */
const GRACE = 2000;
const LOOK = 20;
const LAST_WAIT = 1000;
/** Milliseconds in which what an ended process left in its pipes is read. */
const DRAIN = 100;

/**
 * Runs a program until its process has ended. What it has started goes on, and may hold its stdout and
 * stderr: these are closed then, since waiting for their end is waiting for every heir of theirs.
 * It leads a process group and session of its own; where it has to be ended, the whole group is.
 * @throws the cause where it cannot be started
 */
export async function runChild(request: ChildRequest): Promise<ChildResult> {
  const { program, args, cwd, env, input, timeout, maxOutput, signal, linger } = request;
  // loaded when a program is run, since few commands run any
  const { execa } = await import("execa");
  const child = execa(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    extendEnv: false,
    detached: true,
    stdio: "pipe",
    // what is read, when it has ended and how it is ended is decided here
    buffer: false,
    reject: false,
    // execa's own would raise a signal sent to us again, and end us before a command has stopped in order
    cleanup: false,
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  const ending = new AbortController();
  let cut: Cut | undefined;
  const end = (why: Cut) => {
    if (hasExited() && why !== "output") return;
    cut ??= why;
    ending.abort();
  };
  // what is written before it is known to have started must not be missed
  const stdout = collect(child.stdout, maxOutput, () => end("output"));
  const stderr = collect(child.stderr, maxOutput, () => end("output"));
  const refused = child.then((result) => (child.pid === undefined ? Promise.reject(result.cause) : result));
  await Promise.race([once(child, "spawn"), refused]);
  // a program that does not read its input closes the pipe: what became of it, its exit code says
  child.stdin.on("error", () => {}).end(input);
  const timers = [setTimeout(end, timeout, "timeout")];
  const stop = () => void timers.push(setTimeout(end, linger, "signal"));
  signal?.addEventListener("abort", stop);
  if (signal?.aborted === true) stop();
  await Promise.race([exited, aborted(ending.signal)]);
  if (!hasExited()) await endGroup(child.pid ?? 0, exited);
  for (const timer of timers) clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
  await Promise.race([closed, sleep(DRAIN, undefined, { ref: false })]);
  // where this process itself was held up, what is there is read in the next turn
  await turn();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
  child.unref();
  return { exitCode: child.exitCode, stdout: stdout(), stderr: stderr(), cut };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

/** @returns what of the stream is kept */
function collect(stream: Readable, max: number, onMore: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, max - kept);
    kept += part.length;
    if (part.length > 0) chunks.push(part);
    if (part.length < chunk.length) onMore();
  });
  return () => Buffer.concat(chunks);
}

/** Asks all of a process group to end, and ends what has not in time. Gives up on what cannot be ended. */
async function endGroup(leader: number, exited: Promise<void>): Promise<void> {
  let isThere = signalGroup(leader, "SIGTERM");
  for (let waited = 0; isThere && waited < GRACE; waited += LOOK) {
    await sleep(LOOK);
    isThere = signalGroup(leader, 0);
  }
  if (isThere) signalGroup(leader, "SIGKILL");
  await Promise.race([exited, sleep(LAST_WAIT, undefined, { ref: false })]);
}

/** @returns whether there is anyone of that group left. Somebody else's processes (`sudo`) are, and are let be. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ESRCH" || code === "EPERM") return code === "EPERM";
    throw error;
  }
}
