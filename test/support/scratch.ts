import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEndOfTest } from "./ending.ts";

/** A directory of the running test's own, removed when it ends. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  atEndOfTest(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
