import { run } from "./cli/program.ts";
import { systemTerminal } from "./platform/terminal.ts";

const terminal = systemTerminal();

// the rest of the platform is loaded when a command runs
process.exitCode = await run(process.argv.slice(2), terminal, async () => {
  const { interruption, systemPlatform } = await import("./platform/system.ts");
  return systemPlatform(interruption(), terminal);
});
