import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initialConfig } from "../../src/config/initial.ts";
import { type CliOptions, type CliResult, runCli } from "./cli.ts";
import { scratch } from "./scratch.ts";

/** A directory with a configuration as `init` writes it, in `fleet.internal`, and a user's state beside it. */
export interface TestProject {
  readonly directory: string;
  readonly userState: string;
  /** Runs a command line in the directory. */
  run(argv: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** The same with --json, and the document that it printed. */
  json(
    argv: readonly string[],
    options?: CliOptions,
  ): Promise<CliResult & { readonly document: JsonDocument }>;
  /** The same: how it ended, and whether anything in the directory was changed. */
  attempt(argv: readonly string[], options?: CliOptions): Promise<Attempt>;
  /** Every path below the directory with a digest of what is there: equal where nothing was changed. */
  snapshot(): Record<string, string>;
  /** The regular files below the directory. */
  files(): string[];
}

export interface Attempt {
  readonly exit: number;
  /** Of the error; undefined where there was none. */
  readonly code: string | undefined;
  /** Message and hint. */
  readonly text: string;
  readonly changed: boolean;
}

// oxlint-disable-next-line typescript/no-explicit-any
export type JsonDocument = any;

export function testProject(edit: (config: string) => string = (config) => config): TestProject {
  const directory = scratch();
  const userState = scratch();
  const config = initialConfig({ name: "acme", domain: "fleet.internal", gateways: ["nginx"] });
  writeFileSync(join(directory, "fleetsec.yaml"), edit(config));
  const run = (argv: readonly string[], options: CliOptions = {}) =>
    runCli(argv, { cwd: directory, userState, env: {}, ...options });
  const json = async (argv: readonly string[], options?: CliOptions) => {
    const result = await run(["--json", ...argv], options);
    return { ...result, document: JSON.parse(result.stdout) };
  };
  return {
    directory,
    userState,
    run,
    json,
    async attempt(argv, options) {
      const before = JSON.stringify(digests(directory));
      const { code: exit, document } = await json(argv, options);
      const changed = JSON.stringify(digests(directory)) !== before;
      return { exit, code: document.code, text: `${document.message} ${document.hint}`, changed };
    },
    snapshot: () => digests(directory),
    files: () =>
      readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
  };
}

function digests(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(root, entry);
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) found[entry] = `-> ${readlinkSync(path)}`;
    else if (stat.isFile()) found[entry] = createHash("sha256").update(readFileSync(path)).digest("hex");
  }
  return found;
}
