import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** An engine that a test runs; it is ended by its own handle. */
export interface EngineProcess {
  /** Everything that it has written. */
  output(): string;
  signal(name: "SIGHUP" | "SIGUSR2"): void;
  stop(): Promise<void>;
}

const PATIENCE = 15_000;

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
    const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
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

/** Ports of the loopback that were free a moment ago: engines cannot be told to take any. */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, host);
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
