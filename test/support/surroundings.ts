import { mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Nothing that the user of this machine keeps or has set reaches a test, and no test writes where they keep it. */
export function setup(): () => void {
  if (hasMemoryForFiles()) process.env["TMPDIR"] ??= MEMORY;
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  process.env["XDG_STATE_HOME"] = directory;
  process.env["GIT_CONFIG_GLOBAL"] = "/dev/null";
  process.env["GIT_CONFIG_NOSYSTEM"] = "1";
  return () => rmSync(directory, { recursive: true, force: true });
}

const MEMORY = "/dev/shm";
const ENOUGH = 2 ** 32;

/** Whether files may lie in memory: of what tests do with them, syncing to a disk takes most of the time. */
function hasMemoryForFiles(): boolean {
  try {
    const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
    const options = mounts.map((line) => line.split(" ")).findLast(([, path]) => path === MEMORY)?.[3];
    const { bavail, bsize } = statfsSync(MEMORY);
    // hooks are run from there
    return options?.split(",").includes("noexec") === false && bavail * bsize > ENOUGH;
  } catch {
    return false;
  }
}
