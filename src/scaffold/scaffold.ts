import { join } from "node:path";
import type { Platform } from "../platform/platform.ts";
import { apply, currentText } from "./apply.ts";
import { check, type CheckResult } from "./check.ts";
import { type FileChange, plan } from "./plan.ts";
import { readTemplate, type Template } from "./template.ts";
import { type Settings, valuesFor } from "./values.ts";

export interface ScaffoldRequest {
  /** The folder that holds the templates. */
  readonly library: string;
  /** Names of templates, each once. */
  readonly templates: readonly string[];
  readonly settings: Settings;
  /** The directory in which each template gets one of its own name, absolute. */
  readonly out: string;
  readonly dryRun: boolean;
  /** Replace files that differ. */
  readonly force: boolean;
  /** Run each template's engines over what then stands there. */
  readonly check: boolean;
}

export interface ScaffoldedFile extends FileChange {
  readonly written: boolean;
}

export interface ScaffoldResult {
  /** False where a file differs and was left as it is, or an engine did not accept. */
  readonly ok: boolean;
  readonly files: readonly ScaffoldedFile[];
  readonly checks: readonly CheckResult[];
}

/**
 * Renders templates into a directory. All of them are planned before the first file is written, so
 * that a fault in one leaves nothing behind of the others.
 * @throws FleetsecError what reading and writing throws
 */
export async function scaffold(
  platform: Pick<Platform, "files" | "exec" | "random" | "signal" | "userState">,
  request: ScaffoldRequest,
): Promise<ScaffoldResult> {
  const { files } = platform;
  const { out } = request;
  const templates = request.templates.map((name) => readTemplate(files, request.library, name));
  const changes = templates.flatMap((template) =>
    plan(template, valuesFor(request.settings, join(out, template.name)), (path) =>
      currentText(files, out, path),
    ),
  );
  const written = new Set(request.dryRun ? [] : apply(files, out, changes, request.force));
  const checks = request.check ? await checkAll(platform, request, templates) : [];
  const scaffolded = changes.map((change) => ({ ...change, written: written.has(change.path) }));
  return {
    ok:
      scaffolded.every((file) => file.action !== "differs" || file.written) &&
      checks.every(({ outcome }) => outcome === "accepted"),
    files: scaffolded,
    checks,
  };
}

async function checkAll(
  platform: Pick<Platform, "files" | "exec" | "random" | "signal" | "userState">,
  { out, settings }: ScaffoldRequest,
  templates: readonly Template[],
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const template of templates) {
    const directory = join(out, template.name);
    const name = `check-${Buffer.from(platform.random(8)).toString("hex")}`;
    const scratch = join(platform.userState, name);
    platform.files.makeDirectory(scratch);
    try {
      results.push(
        ...(await check(platform, template, valuesFor(settings, directory), { directory, scratch })),
      );
    } finally {
      platform.files.remove(scratch);
    }
  }
  return results;
}
