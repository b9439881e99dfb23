import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type Format, formats } from "./quote.ts";

/** How a rendered template is checked: a program that is run in its directory. */
export interface EngineCheck {
  readonly engine: string;
  /** How to get the engine, for a person. */
  readonly install: string;
  /** Each is rendered with the template's values, `directory` and `scratch` (an empty directory). */
  readonly arguments: readonly string[];
  /** Whether anything that it says is a refusal: some engines pass over what they do not know with a warning. */
  readonly silent: boolean;
}

export interface TemplateFile {
  /** Below the template's directory, with `/`. */
  readonly path: string;
  readonly format: Format;
  /** Whether people fill it in after it is created, so that not even `--force` replaces it. */
  readonly keep: boolean;
  /** The list of which each item gets a file of its own: its `name` stands for ROLE in the path. */
  readonly each: string | undefined;
  readonly text: string;
}

/** A folder of `templates/`: files with placeholders, and `template.yaml` saying what they are. */
export interface Template {
  readonly name: string;
  readonly summary: string;
  /** Where its files belong: in a directory of its own, or in the project's, as other programs demand. */
  readonly place: "own" | "project";
  readonly files: readonly TemplateFile[];
  /** Values that are paths of files which the engine opens. */
  readonly needs: readonly string[];
  readonly checks: readonly EngineCheck[];
}

const DESCRIPTOR = "template.yaml";
const MAX_BYTES = 1 << 20;

const path = z
  .string()
  .regex(/^(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, "not a path below");
const format = z.enum(Object.keys(formats) as [Format, ...Format[]]);

const descriptor = z.strictObject({
  summary: z.string().min(1).max(100),
  place: z.enum(["own", "project"]).default("own"),
  files: z.record(
    path,
    z.union([
      format,
      z.strictObject({ format, keep: z.literal(true).optional(), each: z.string().optional() }),
    ]),
  ),
  needs: z.array(z.string()).default([]),
  checks: z
    .array(
      z.strictObject({
        engine: z.string(),
        install: z.string(),
        arguments: z.array(z.string()),
        silent: z.boolean().default(false),
      }),
    )
    .default([]),
});

/** The names of the templates under `root`, sorted. */
export function templateNames(files: Files, root: string): string[] {
  return files.list(root).filter((name) => files.kind(join(root, name, DESCRIPTOR)) === "file");
}

/** @throws FleetsecError `usage` for a name that no template has; anything wrong within one is a bug */
export function readTemplate(files: Files, root: string, name: string): Template {
  const names = templateNames(files, root);
  if (!names.includes(name)) {
    throw new FleetsecError("usage", `there is no template ${name}`, {
      hint: `the templates are ${names.join(", ")}`,
    });
  }
  const read = (file: string) => files.readText(join(root, name, file), MAX_BYTES);
  const described = descriptor.parse(parse(read(DESCRIPTOR)));
  return {
    name,
    summary: described.summary,
    place: described.place,
    files: Object.entries(described.files).map(([file, kind]) => ({
      path: file,
      format: typeof kind === "string" ? kind : kind.format,
      keep: typeof kind !== "string" && kind.keep === true,
      each: typeof kind === "string" ? undefined : kind.each,
      text: read(file),
    })),
    needs: described.needs,
    checks: described.checks,
  };
}
