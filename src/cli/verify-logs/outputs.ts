import { join, resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { parseAnchorSource } from "../../logs/anchor/source.ts";
import { holdsPrivateKey } from "../../logs/key-file.ts";
import type { Files } from "../../platform/files.ts";
import type { Cli } from "../command.ts";
import { GIT_PARTS } from "./anchor-flags.ts";
import { isWithin, type NamedPath } from "./within-store.ts";

export interface PathFlags {
  readonly trust?: string;
  readonly anchor?: readonly string[];
  readonly tsaCa?: string;
  readonly merge?: readonly string[];
  readonly state?: string;
  readonly partial?: string;
  readonly report?: readonly string[];
}

/** Every path that is written to. */
export function outputsOf({ state, ...flags }: PathFlags): NamedPath[] {
  return [["--state", state], ...resultsOf(flags)];
}

/** The files that are written as a whole. */
function resultsOf({ partial, report }: PathFlags): NamedPath[] {
  return [["--partial", partial], ...reportPaths(report)];
}

/**
 * No result is written over what the same run reads, nor over a private key. To be asked before
 * anything is removed or written.
 * @param state where the auditor's checkpoints are kept, absolute
 * @throws FleetsecError `usage`; `exists` for a private key
 */
export function refuseOverInputs(cli: Pick<Cli, "platform">, flags: PathFlags, state: string): void {
  refuseResultsOver(cli, resultsOf(flags), inputsOf(flags, state, cli.platform.cwd));
}

/** The files that `--report` names. */
export function reportPaths(reports: readonly string[] = []): NamedPath[] {
  return reports.map((text) => ["--report", text.slice(text.indexOf("=") + 1)]);
}

/** A flag and an absolute path that it leads to. */
export type NamedInput = readonly [flag: string, path: string];

/**
 * The same for any command.
 * @param inputs what it reads: files, and directories with all that is in them
 */
export function refuseResultsOver(
  { platform: { files, cwd } }: Pick<Cli, "platform">,
  results: readonly NamedPath[],
  inputs: readonly NamedInput[],
): void {
  for (const [flag, path] of results) {
    if (path === undefined || path === "-") continue;
    const target = resolve(cwd, path);
    const over = inputs.find(([, input]) => isWithin(files, input, target));
    if (over !== undefined) {
      throw new FleetsecError("usage", `${flag} would write over what ${over[0]} names: ${path}`, {
        hint: "name a file of its own for each result",
      });
    }
    if (files.kind(target) === "file" && isPrivateKey(files, target)) {
      throw new FleetsecError("exists", `${flag} would write over a private key: ${path}`, {
        hint: "name a file of its own for each result",
      });
    }
  }
}

/** Every file and directory that is read, absolute. */
function inputsOf(
  { trust, tsaCa, anchor = [], merge = [] }: PathFlags,
  state: string,
  cwd: string,
): NamedInput[] {
  const named = (flag: string, paths: readonly (string | undefined)[]) =>
    paths.flatMap((path) => (path === undefined ? [] : [[flag, resolve(cwd, path)] as const]));
  return [
    ...named("--trust", [trust]),
    ...named("--tsa-ca", [tsaCa]),
    ...anchorInputs("--anchor", anchor, cwd),
    ...named("--merge", merge),
    ...named("--state", [state]),
  ];
}

/** What is read of the anchors that a flag names; of a git repository what git reads of it. */
export function anchorInputs(flag: string, sources: readonly string[] = [], cwd: string): NamedInput[] {
  const paths = sources.flatMap((text) => {
    const source = parseAnchorSource(text, cwd);
    if (source.kind === "path") return [source.path];
    return source.kind === "git" ? GIT_PARTS.map((part) => join(source.path, part)) : [];
  });
  return paths.map((path) => [flag, path]);
}

function isPrivateKey(files: Files, path: string): boolean {
  const file = files.open(path);
  try {
    return holdsPrivateKey(file);
  } finally {
    file.close();
  }
}
