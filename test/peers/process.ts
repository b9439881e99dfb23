import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** An engine that a test runs; it is ended by its own handle. */
export interface EngineProcess {
  /** Everything that it has written. */
  output(): string;
  signal(name: "SIGHUP" | "SIGUSR2"): void;
  stop(): Promise<void>;
}

/** Milliseconds for a start or an end, on a machine with much else to do. */
const PATIENCE = 60_000;

/** Starts a program and waits until it listens on `port` of the loopback. */
export async function startProcess(
  program: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly port: number;
    readonly host?: string;
    /** Beside the environment that we have. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<EngineProcess> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  let written = "";
  const keep = (chunk: Buffer) => (written = (written + chunk.toString()).slice(-(1 << 20)));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const closed = once(child, "close");
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    await closed;
    clearTimeout(late);
  };
  const deadline = Date.now() + PATIENCE;
  while (!(await accepts(options.port, options.host ?? "127.0.0.1"))) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${program} does not listen on ${options.port}:\n${written}`);
    }
    await delay(20);
  }
  return { output: () => written, signal: (name) => void child.kill(name), stop };
}

function accepts(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => end(true));
    socket.on("error", () => end(false));
  });
}

/**
 * Ports below those that the system gives to clients and to servers that take any (from 32768 on
 * Linux): nobody is given one between our look and an engine's start.
 */
const PORTS = { first: 16_384, count: 16_384 };
/** Each worker has its own among them, and begins anywhere. */
const WORKERS = 16;
const worker = Number(process.env["VITEST_POOL_ID"] ?? 0) % WORKERS;
let turn = randomInt(PORTS.count / WORKERS);

/** Free ports of the loopback, none of them twice in a while: engines cannot be told to take any. */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    turn = (turn + 1) % (PORTS.count / WORKERS);
    const port = PORTS.first + turn * WORKERS + worker;
    if (await isFree(port, host)) ports.push(port);
  }
  return ports;
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(false) : reject(error),
    );
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
