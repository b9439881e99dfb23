import { dirname, join } from "node:path";
import { isCollection, isPair, isScalar, LineCounter, type Document, visit } from "yaml";
import type { z } from "zod";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { parseYaml } from "../yaml.ts";
import { issueMessage } from "./issue.ts";
import { type BrokenRule, brokenRules } from "./rules.ts";
import { type Config, configSchema } from "./schema.ts";

export const CONFIG_NAME = "fleetsec.yaml";
/** More is no configuration. */
export const MAX_CONFIG_BYTES = 1 << 20;
/** More than any honest file has; each one is a chance to multiply. */
const MAX_ALIASES = 100;

export interface LoadedConfig {
  readonly config: Config;
  /** The file, absolute; paths in it are relative to its directory. */
  readonly path: string;
  readonly directory: string;
}

/** The nearest `fleetsec.yaml` from `directory` upwards, or undefined. */
export function findConfig(files: Files, directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const path = join(at, CONFIG_NAME);
    if (files.kind(path) !== undefined) return path;
    if (dirname(at) === at) return undefined;
  }
}

/**
 * Reads and checks a configuration. All problems are reported at once, each with line and path.
 * @throws FleetsecError `config`, or what reading the file throws
 */
export function loadConfig(files: Files, path: string): LoadedConfig {
  return {
    config: parseConfig(files.readText(path, MAX_CONFIG_BYTES), path),
    path,
    directory: dirname(path),
  };
}

export function parseConfig(text: string, path: string): Config {
  return parseForm(text, path, {
    schema: configSchema,
    rules: brokenRules,
    hint: "fleetsec init writes a configuration that is right; docs/configuration.md explains each key",
  });
}

/** What a YAML file of ours has to be. */
export interface YamlForm<T> {
  readonly schema: z.ZodType<T>;
  /** What the schema cannot say. */
  readonly rules: (value: T) => readonly BrokenRule[];
  readonly hint: string;
}

/** @throws FleetsecError `config` with every problem, its line and path */
export function parseForm<T>(text: string, path: string, { schema, rules, hint }: YamlForm<T>): T {
  const lines = new LineCounter();
  const document = parseYaml(text, lines);
  const lineAt = (offset: number) => lines.linePos(offset).line;
  // a warning is a tag that nobody defined
  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    line: lineAt(pos[0]),
    message: `${message.slice(0, 1).toLowerCase()}${message.slice(1)}`,
  }));
  faults.push(...poisonedKeys(document, lineAt));
  if (faults.length > 0) throw problems(path, hint, faults);
  const result = schema.safeParse(toValue(document, path));
  if (!result.success) {
    throw problems(
      path,
      hint,
      result.error.issues.flatMap((issue) => issueProblems(issue, document, lineAt)),
    );
  }
  const broken = rules(result.data);
  if (broken.length > 0) {
    throw problems(
      path,
      hint,
      broken.map(({ at, message }) => locate(at, message, document, lineAt)),
    );
  }
  return result.data;
}

interface Problem {
  readonly line: number;
  readonly message: string;
}

/** zod passes `__proto__` over in silence; nothing honest is called that. */
function poisonedKeys(document: Document, lineAt: (offset: number) => number): Problem[] {
  const found: Problem[] = [];
  visit(document, {
    Pair(_, pair) {
      if (isScalar(pair.key) && pair.key.value === "__proto__") {
        found.push({ line: lineAt(pair.key.range?.[0] ?? 0), message: "__proto__: unknown key" });
      }
    },
  });
  return found;
}

function toValue(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    throw new FleetsecError("config", `${path} has too many or circular aliases`, {
      hint: "write the values out",
      cause,
    });
  }
}

function issueProblems(
  issue: z.core.$ZodIssue,
  document: Document,
  lineAt: (offset: number) => number,
): Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => locate([...issue.path, key], "unknown key", document, lineAt));
  }
  return [locate(issue.path, issueMessage(issue), document, lineAt)];
}

function locate(
  at: readonly PropertyKey[],
  message: string,
  document: Document,
  lineAt: (offset: number) => number,
): Problem {
  return {
    line: lineAt(offsetOf(at, document)),
    message: `${at.length === 0 ? "" : `${at.join(".")}: `}${message}`,
  };
}

/** Where the key of a path stands, or the nearest thing around it that is there. */
function offsetOf(at: readonly PropertyKey[], document: Document): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const key of at) {
    if (!isCollection(node)) break;
    const item = node.items.find((entry) => pairKey(entry) === String(key)) as
      | { key: { range?: [number, number, number] } }
      | undefined;
    const next: unknown = node.get(key, true);
    offset = item?.key.range?.[0] ?? (next as { range?: [number] } | undefined)?.range?.[0] ?? offset;
    node = next;
  }
  return offset;
}

function pairKey(entry: unknown): string | undefined {
  return isPair(entry) && isScalar(entry.key) ? String(entry.key.value) : undefined;
}

function problems(path: string, hint: string, found: readonly Problem[]): FleetsecError {
  const sorted = [...found].sort((a, b) => a.line - b.line);
  return new FleetsecError(
    "config",
    `${path} has ${sorted.length === 1 ? "an error" : `${sorted.length} errors`}`,
    {
      problems: sorted.map(({ line, message }) => `line ${line}: ${message}`),
      hint,
    },
  );
}
