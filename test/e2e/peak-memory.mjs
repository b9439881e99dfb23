// Loaded before the program (node --import): leaves the largest amount of memory that the process had.
import { writeFileSync } from "node:fs";

process.on("exit", () => {
  writeFileSync(process.env["PEAK_MEMORY"], String(process.resourceUsage().maxRSS * 1024));
});
