// The titles here are the callers', and a skipped suite is the point.
/* oxlint-disable vitest/valid-title, vitest/valid-describe-callback, vitest/no-disabled-tests, vitest/expect-expect */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";

/** A real engine, as test/peers/install.sh found it. */
export interface Engine {
  readonly path: string;
  /** "unknown" for one that was only found on PATH. */
  readonly version: string;
}

export interface Missing {
  /** Why it is not here, and what brings it. */
  readonly missing: string;
}

declare module "vitest" {
  interface TaskMeta {
    /** Skipped for want of an engine or vectors: test/peers/skipped.ts prints the suite's name. */
    lacking?: boolean;
  }
}

const UNKNOWN = "unknown";

type Environment = Readonly<Record<string, string | undefined>>;

/** In CI, what is missing fails the suite that needs it instead of skipping it. */
export const requireEngines = process.env["FLEETSEC_REQUIRE_ENGINES"] === "1";

/** The engine of that name in install.sh's table; failing that, the program of that name on PATH. */
export function engine(name: string, env: Environment = process.env): Engine | Missing {
  const listed = installed(env)[name];
  if (listed !== undefined && "path" in listed && existsSync(listed.path)) return listed;
  const path = onPath(name, env["PATH"] ?? "");
  if (path !== undefined) return { path, version: UNKNOWN };
  const reason = listed !== undefined && "missing" in listed ? listed.missing : "not installed";
  return { missing: `${reason}: run \`npm run peers\`` };
}

/** Others' test vectors, which lie beside the project: a file or folder of shared/vectors. */
export function vectors(name: string, env: Environment = process.env): { readonly path: string } | Missing {
  const root = env["FLEETSEC_VECTORS"] ?? fileURLToPath(new URL("../../../shared/vectors", import.meta.url));
  const path = join(root, name);
  return existsSync(path) ? { path } : { missing: `no ${path}: set FLEETSEC_VECTORS` };
}

/**
 * A suite that runs against real engines. Its body is not called where one of them is missing.
 * @param isPage whether it writes down what each does, which is true of the versions of install.sh's table alone
 */
export function describeWithEngines<Name extends string>(
  names: readonly Name[],
  title: string,
  body: (engines: Readonly<Record<Name, Engine>>) => void,
  { isPage = false }: { readonly isPage?: boolean } = {},
): void {
  const found: Partial<Record<Name, Engine>> = {};
  const lacks: string[] = [];
  for (const name of names) {
    const candidate = engine(name);
    if ("path" in candidate && !(isPage && candidate.version === UNKNOWN)) found[name] = candidate;
    else if ("path" in candidate) lacks.push(`${name}: of no known version: run \`npm run peers\``);
    else lacks.push(`${name}: ${candidate.missing}`);
  }
  describeUnless(lacks, title, () => body(found as Record<Name, Engine>));
}

/** A suite over others' test vectors. Its body is given their path, and not called where they are missing. */
export function describeWithVectors(name: string, title: string, body: (path: string) => void): void {
  const found = vectors(name);
  if ("path" in found) describeUnless([], title, () => body(found.path));
  else describeUnless([`vectors ${name}: ${found.missing}`], title, () => {});
}

/** A suite that is run unless something is lacking: it is skipped by name then, and in CI it fails. */
export function describeUnless(lacks: readonly string[], title: string, body: () => void): void {
  if (lacks.length === 0) {
    describe(title, body);
    return;
  }
  const needs = `needs ${lacks.join("; ")}`;
  if (requireEngines) {
    describe(title, () => {
      test(needs, () => {
        throw new Error(needs);
      });
    });
  } else {
    describe.skip(`${title} (${needs})`, () => {
      test("skipped", { meta: { lacking: true } }, () => {});
    });
  }
}

function installed(env: Environment): Record<string, Engine | Missing> {
  const cache = env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const list = join(env["FLEETSEC_PEERS"] || join(cache, "fleetsec", "peers"), "engines.json");
  return existsSync(list) ? (JSON.parse(readFileSync(list, "utf8")) as Record<string, Engine | Missing>) : {};
}

function onPath(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, program))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
