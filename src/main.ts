import { run } from "./cli/program.ts";
import { interruption, systemPlatform } from "./platform/system.ts";

process.exitCode = await run(process.argv.slice(2), systemPlatform(interruption()));
