import { join, relative } from "node:path";
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
  /** The directory for templates whose files belong to the project itself, absolute. */
  readonly root: string;
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
  const planned = templates.map((template) => {
    const base = template.place === "project" ? request.root : out;
    const values = valuesFor(request.settings, directoryOf(template, request));
    return { base, changes: plan(template, values, (path) => currentText(files, base, path)) };
  });
  const scaffolded = planned.flatMap(({ base, changes }) => {
    const written = new Set(request.dryRun ? [] : apply(files, base, changes, request.force));
    return changes.map((change) => ({
      ...change,
      path: relative(out, join(base, change.path)),
      written: written.has(change.path),
    }));
  });
  const checks = request.check ? await checkAll(platform, request, templates) : [];
  return {
    ok:
      scaffolded.every((file) => file.action !== "differs" || file.written) &&
      checks.every(({ outcome }) => outcome === "accepted"),
    files: scaffolded,
    checks,
  };
}

/** Where a template's files are, and its engines run. */
function directoryOf({ name, place }: Template, { out, root }: ScaffoldRequest): string {
  return place === "project" ? root : join(out, name);
}

async function checkAll(
  platform: Pick<Platform, "files" | "exec" | "random" | "signal" | "userState">,
  request: ScaffoldRequest,
  templates: readonly Template[],
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const template of templates) {
    const directory = directoryOf(template, request);
    const name = `check-${Buffer.from(platform.random(8)).toString("hex")}`;
    const scratch = join(platform.userState, name);
    platform.files.makeDirectory(scratch);
    try {
      results.push(
        ...(await check(platform, template, valuesFor(request.settings, directory), { directory, scratch })),
      );
    } finally {
      platform.files.remove(scratch);
    }
  }
  return results;
}
