import type { Report } from "./report.ts";

/** One file each; loaded when it is asked for. */
const RENDERERS = {
  json: async () => (await import("./formats/json.ts")).json,
  junit: async () => (await import("./formats/junit.ts")).junit,
  sarif: async () => (await import("./formats/sarif.ts")).sarif,
  github: async () => (await import("./formats/github.ts")).github,
  html: async () => (await import("./formats/html.ts")).html,
} as const satisfies Record<string, () => Promise<(report: Report) => string>>;

export type Format = keyof typeof RENDERERS;

export const FORMATS = Object.keys(RENDERERS) as readonly Format[];

/** The text of a report. */
export async function renderReport(format: Format, report: Report): Promise<string> {
  const render = await RENDERERS[format]();
  return render(report);
}
