import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package, which has this folder, or that of the published chunks, two folders below it. */
const PACKAGE = new URL("../../", import.meta.url);

/** The JSON Schemas of what commands print. */
export const SCHEMAS = new URL("docs/schema/", PACKAGE);

/** What `scaffold` renders. */
export const TEMPLATE_LIBRARY = fileURLToPath(new URL("templates", PACKAGE));

/** The version in package.json. */
export function version(): string {
  const text = readFileSync(new URL("package.json", PACKAGE), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
