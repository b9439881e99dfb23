import { formats } from "./quote.ts";
import { render, type Values } from "./render.ts";
import type { Template } from "./template.ts";

/** What scaffolding means for one file, before anything is written. */
export interface FileChange {
  readonly template: string;
  /** Below the output directory, with `/`. */
  readonly path: string;
  readonly content: string;
  /** `kept` is for files that people fill in: they are created and then never touched. */
  readonly action: "create" | "unchanged" | "differs" | "kept";
  /** What stands there where it differs. */
  readonly current?: string;
}

/**
 * Renders a template and compares it with what is there.
 * @param current the text of a file below the output directory, or undefined where there is none
 */
export function plan(
  template: Template,
  values: Values,
  current: (path: string) => string | undefined,
): FileChange[] {
  return template.files.map((file) => {
    const path = `${template.name}/${file.path}`;
    const content = renderNamed(path, file.text, values, formats[file.format]);
    const before = current(path);
    const change = { template: template.name, path, content };
    if (before === undefined) return { ...change, action: "create" };
    if (file.keep) return { ...change, action: "kept" };
    if (before === content) return { ...change, action: "unchanged" };
    return { ...change, action: "differs", current: before };
  });
}

function renderNamed(path: string, ...[text, values, quote]: Parameters<typeof render>): string {
  try {
    return render(text, values, quote);
  } catch (cause) {
    // a FleetsecError is about a value and stays as it is; the rest is a bug in that template
    if (cause instanceof Error && cause.name === "Error")
      throw new Error(`${path}: ${cause.message}`, { cause });
    throw cause;
  }
}
