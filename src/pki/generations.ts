import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { DirectoryEntry, Durability, FileKind, Files } from "../platform/files.ts";
import type { Clock } from "../platform/platform.ts";

/**
 * The files of one NAME. Each generation is a directory of its own that is written whole and never
 * changed; `current` is a symlink that is swapped by rename. Whoever resolves `current` once reads a
 * certificate and a key that belong together, whatever is killed when.
 */

/** Paths that lead through `current`: they stay the same when their content changes. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  /** The intermediate. */
  readonly chain: string;
  /** Key, certificate and chain in one file, for whoever cannot resolve `current` once. */
  readonly bundle: string;
}

export function currentFiles(directory: string): CertificateFiles {
  const at = (name: string) => join(directory, "current", name);
  return { cert: at("cert.pem"), key: at("key.pem"), chain: at("chain.pem"), bundle: at("bundle.pem") };
}

/** What a generation holds, PEM. Without a key for a certificate that was signed for a CSR. */
export interface GenerationContent {
  readonly cert: string;
  readonly chain: string;
  readonly key: string | undefined;
}

export function generationPath(directory: string, generation: number): string {
  return join(directory, String(generation));
}

/**
 * Whether there are files of a NAME already. Whoever can write beside it must not choose where its key
 * goes, nor what is tidied up.
 * @param directory of NAME
 * @throws FleetsecError `exists` where it is no directory, or its `current` is not ours to swap
 */
export function isThere(files: Files, directory: string): boolean {
  const kind = files.kind(directory);
  if (kind === undefined) return false;
  if (kind !== "directory") throw inTheWay(directory, kind);
  const link = join(directory, "current");
  const current = files.kind(link);
  if (current !== undefined && current !== "symlink") throw inTheWay(link, current);
  return true;
}

function inTheWay(path: string, kind: FileKind): FleetsecError {
  const what = kind === "symlink" ? "a symbolic link, which is not followed," : `a ${kind}`;
  return new FleetsecError("exists", `${path}: ${what} is in the way`, {
    hint: "move it away, or choose another directory with --out",
  });
}

/** The number for the next generation. @throws FleetsecError as `isThere` */
export function nextGeneration(files: Files, directory: string): number {
  if (!isThere(files, directory)) return 1;
  return Math.max(0, ...generationsIn(files, directory)) + 1;
}

export function writeGeneration(
  files: Files,
  directory: string,
  generation: number,
  { cert, chain, key }: GenerationContent,
  durability?: Durability,
): void {
  const file = (name: string, data: string, mode: number): DirectoryEntry => ({ name, data, mode });
  files.makeDirectory(directory, undefined, durability);
  const entries = [
    file("cert.pem", cert, 0o644),
    file("chain.pem", chain, 0o644),
    ...(key === undefined
      ? []
      : [file("key.pem", key, 0o600), file("bundle.pem", key + cert + chain, 0o600)]),
  ];
  files.writeDirectory(generationPath(directory, generation), entries, durability);
}

/** The generation that `current` leads to; undefined where there is none. */
export function activeGeneration(files: Files, directory: string): number | undefined {
  const link = join(directory, "current");
  if (files.kind(link) !== "symlink") return undefined;
  const target = files.readLink(link);
  return GENERATION.test(target) ? Number(target) : undefined;
}

export function activate(files: Files, directory: string, generation: number, durability?: Durability): void {
  files.linkAtomic(join(directory, "current"), String(generation), durability);
}

/** How long a generation that was replaced stays for who resolved `current` just before, in milliseconds. */
const READER_GRACE = 10_000;

/**
 * Removes what is no longer needed: generations before the last two, once their successor is old
 * enough, and what killed processes left. To be called under the state's lock.
 */
export function prune(files: Files, directory: string, clock: Clock): void {
  const generations = generationsIn(files, directory);
  const active = activeGeneration(files, directory);
  for (const [index, generation] of generations.slice(0, -2).entries()) {
    const successor = generations[index + 1];
    if (generation === active || successor === undefined) continue;
    const replacedAt = files.stat(generationPath(directory, successor)).mtime;
    // those after it were replaced later still
    if (clock.now() - replacedAt <= READER_GRACE) break;
    files.remove(generationPath(directory, generation));
  }
  removeTorn(files, directory);
}

/** What a killed process was about to write. */
function removeTorn(files: Files, directory: string): void {
  for (const name of files.list(directory)) {
    if (/^\.(current|\d+)\.[0-9a-f]+\.tmp$/.test(name)) files.remove(join(directory, name));
  }
}

/**
 * Removes what killed processes left: torn writes, and generations after the last that is on record,
 * unless one is in use. To be called under the state's lock.
 */
export function removeUnrecorded(files: Files, directory: string, recorded: number): void {
  const active = activeGeneration(files, directory);
  for (const generation of generationsIn(files, directory)) {
    if (generation > recorded && generation !== active) files.remove(generationPath(directory, generation));
  }
  removeTorn(files, directory);
}

const GENERATION = /^[1-9]\d{0,8}$/;

function generationsIn(files: Files, directory: string): number[] {
  if (files.kind(directory) === undefined) return [];
  return files
    .list(directory)
    .filter((name) => GENERATION.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}
