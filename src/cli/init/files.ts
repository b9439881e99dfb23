import { EDITOR_SCHEMA } from "../../config/initial.ts";
import { configJsonSchema } from "../../config/json-schema.ts";
import { CONFIG_NAME } from "../../config/load.ts";
import type { FileChange } from "../../scaffold/plan.ts";

/** What must not be committed: keys, and what gateways write while they run. */
const IGNORED = [
  ".fleetsec/",
  "keys/",
  "deploy/*/events.jsonl",
  "deploy/nginx/nginx.pid",
  "deploy/nginx/*_temp/",
];

/**
 * The files of a project that are no templates. Nothing that is there and differs is replaced
 * without being asked to; entries missing in `.gitignore` are added, since keys would leak without.
 * @param current the text of a file of the project, or undefined where there is none
 */
export function projectFiles(
  configText: string,
  current: (path: string) => string | undefined,
): FileChange[] {
  return [
    ignoreList(current(".gitignore")),
    compare(CONFIG_NAME, configText, current(CONFIG_NAME)),
    // ours alone: it follows the version of the program
    { ...compare(EDITOR_SCHEMA, editorSchema(), undefined), action: actionOfSchema(current(EDITOR_SCHEMA)) },
  ];
}

function compare(path: string, content: string, before: string | undefined): FileChange {
  const change = { template: "init", path, content };
  if (before === undefined) return { ...change, action: "create" };
  if (before === content) return { ...change, action: "unchanged" };
  return { ...change, action: "differs", current: before };
}

function ignoreList(before: string | undefined): FileChange {
  const lines = (before ?? "").split(/\r?\n/);
  const missing = IGNORED.filter((entry) => !lines.includes(entry) && !lines.includes(`/${entry}`));
  if (before !== undefined && missing.length === 0) {
    return { template: "init", path: ".gitignore", content: before, action: "unchanged" };
  }
  const start =
    before === undefined || before === "" || before.endsWith("\n") ? (before ?? "") : `${before}\n`;
  return {
    template: "init",
    path: ".gitignore",
    content: `${start}${missing.join("\n")}\n`,
    action: "create",
  };
}

function editorSchema(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

function actionOfSchema(before: string | undefined): FileChange["action"] {
  return before === editorSchema() ? "unchanged" : "create";
}
