import type { ScaffoldedFile } from "../scaffold/scaffold.ts";
import { diff } from "./diff.ts";
import { escapeText } from "./escape.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** Whether a file differs from what would be written and was left as it is. */
export function isLeft({ action, written }: ScaffoldedFile): boolean {
  return action === "differs" && !written;
}

/** What happened, or with `dryRun` would happen, to a file. */
export function actionOf(file: ScaffoldedFile, dryRun: boolean): string {
  if (file.action === "create") return dryRun ? "would create" : "created";
  if (file.action === "differs") return file.written ? "replaced" : "differs";
  return file.action;
}

/** The files as a JSON document lists them, with a diff of what differs. */
export function fileChangesMembers(files: readonly ScaffoldedFile[]): object[] {
  return files.map((file) => ({
    template: file.template,
    path: file.path,
    action: file.action,
    written: file.written,
    ...(file.current === undefined ? {} : { diff: diff(file.current, file.content) }),
  }));
}

/**
 * A table of the files, then the difference of each one that was left as it is.
 * @param shown a file's path as the reader would write it
 */
export function fileChangesText(
  files: readonly ScaffoldedFile[],
  shown: (file: ScaffoldedFile) => string,
  { dryRun, style, columns }: { readonly dryRun: boolean; readonly style: Style; readonly columns: number },
): string {
  const rows = files.map((file) => [marked(file, dryRun, style), escapeText(shown(file))]);
  const left = files.filter(isLeft).map((file) => `\n${escapeText(shown(file))}\n${difference(file, style)}`);
  return [table(rows, columns), ...left].join("\n");
}

function marked(file: ScaffoldedFile, dryRun: boolean, style: Style): string {
  const action = actionOf(file, dryRun);
  return isLeft(file) ? style.unsure(action) : file.written ? style.good(action) : style.faint(action);
}

function difference(file: ScaffoldedFile, style: Style): string {
  return escapeText(diff(file.current ?? "", file.content), { newlines: true })
    .split("\n")
    .map((line) => {
      if (line.startsWith("-")) return style.bad(`  ${line}`);
      return line.startsWith("+") ? style.good(`  ${line}`) : style.faint(`  ${line}`);
    })
    .join("\n");
}
