import { reportError } from "./cli/output.ts";
import { run } from "./cli/program.ts";
import { exitCodeOf, FleetsecError } from "./errors.ts";
import { systemTerminal } from "./platform/terminal.ts";

const terminal = systemTerminal((error) => {
  // on stderr whatever --json says: what was to be on stdout is cut off
  reportError(terminal, { json: false, verbose: false }, error);
  process.exit(error instanceof FleetsecError ? exitCodeOf(error.code) : 70);
});

async function main(): Promise<void> {
  // the rest of the platform is loaded when a command runs
  process.exitCode = await run(process.argv.slice(2), terminal, async () => {
    const { interruption, systemPlatform } = await import("./platform/system.ts");
    return systemPlatform(interruption(), terminal);
  });
}

// no await out here, nor in worker.ts: the bundle is CommonJS
void main();
