import { formats, isList } from "./quote.ts";
import { render, type Values } from "./render.ts";
import type { Template, TemplateFile } from "./template.ts";

/** What scaffolding means for one file, before anything is written. */
export interface FileChange {
  readonly template: string;
  /** Below the output directory, or relative to it, with `/`. */
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
  return template.files
    .flatMap((file) => instances(file, values))
    .map(({ file, within, name }) => {
      const path = template.place === "project" ? name : `${template.name}/${name}`;
      const content =
        file.format === "raw" ? file.text : renderNamed(path, file.text, within, formats[file.format]);
      const before = current(path);
      const change = { template: template.name, path, content };
      if (before === undefined) return { ...change, action: "create" };
      if (file.keep) return { ...change, action: "kept" };
      if (before === content) return { ...change, action: "unchanged" };
      return { ...change, action: "differs", current: before };
    });
}

interface Instance {
  readonly file: TemplateFile;
  readonly within: Values;
  /** Its path below the template's directory. */
  readonly name: string;
}

/** A file as often as it is to be written: once, or for each item of a list. */
function instances(file: TemplateFile, values: Values): Instance[] {
  if (file.each === undefined) return [{ file, within: values, name: file.path }];
  const items = values[file.each];
  if (items === undefined || items === null || !isList(items)) throw new Error(`${file.each} is no list`);
  return items.map((item) => {
    const fields = item as Values;
    const { name } = fields;
    if (typeof name !== "string") throw new Error(`an item of ${file.each} has no name`);
    return { file, within: { ...values, ...fields }, name: file.path.replace("ROLE", () => name) };
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
