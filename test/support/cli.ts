import { run } from "../../src/cli/program.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { patientClock } from "./patient-clock.ts";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions extends Partial<Omit<Platform, "stdin" | "stdout" | "stderr">> {
  readonly stdin?: string | Uint8Array;
  readonly columns?: number;
  /** Sees what is written to stderr while the command runs. */
  readonly onStderr?: (text: string) => void;
}

const real = systemPlatform(new AbortController().signal);
/** Other threads run what is built, and are for tests of that. */
const system = { ...real, threads: { ...real.threads, available: 1 } };
const clock = patientClock(system.clock);

/** Runs a command line in this process, over the real file system, with everything else as given. */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { stdin, columns, onStderr, ...overrides } = options;
  const written = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
      if (name === "stderr") onStderr?.(text);
    },
    isTTY: false,
    columns: columns ?? 80,
  });
  const platform: Platform = {
    ...system,
    clock,
    ...overrides,
    stdin: stdinOf(stdin ?? ""),
    stdout: sink("stdout"),
    stderr: sink("stderr"),
  };
  const code = await run(argv, platform, () => Promise.resolve(platform));
  return { code, ...written };
}

function stdinOf(data: string | Uint8Array): Platform["stdin"] {
  return {
    isTTY: false,
    close() {},
    async *[Symbol.asyncIterator]() {
      yield typeof data === "string" ? Buffer.from(data) : data;
    },
  };
}
