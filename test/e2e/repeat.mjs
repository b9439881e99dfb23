// Runs one command line of the built program again and again in this process, until it is killed or
// has run `times` times: node repeat.mjs TIMES ARG…  Ends with the first exit code that is not 0.
import { run } from "../../dist/cli/program.js";
import { systemPlatform } from "../../dist/platform/system.js";

const [times, ...argv] = process.argv.slice(2);
const platform = systemPlatform(new AbortController().signal);
for (let i = 0; i < Number(times) && process.exitCode === undefined; i += 1) {
  const code = await run(argv, platform, () => Promise.resolve(platform));
  if (code !== 0) process.exitCode = code;
}
