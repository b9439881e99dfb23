import type { Report } from "../report.ts";

/** The document that `--json` prints. */
export function json({ document }: Report): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
