import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Nothing that the user of this machine keeps or has set reaches a test, and no test writes where they keep it. */
export function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  process.env["XDG_STATE_HOME"] = directory;
  process.env["GIT_CONFIG_GLOBAL"] = "/dev/null";
  process.env["GIT_CONFIG_NOSYSTEM"] = "1";
  return () => rmSync(directory, { recursive: true, force: true });
}
