import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Exec } from "../../platform/exec.ts";
import type { Files } from "../../platform/files.ts";
import type { Clock } from "../../platform/platform.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { SignedCheckpoint } from "../verify/signed-checkpoint.ts";
import { isPresent } from "./conflict.ts";
import { git, mustGit, type Repository } from "./git.ts";
import { checkpointName, folderName } from "./name.ts";
import { type AnchorPlace, type HeldNote, MAX_ANCHORS, newestSizes } from "./place.ts";

export interface GitSource {
  /** As the user named it. */
  readonly source: string;
  /** The repository, absolute. */
  readonly path: string;
  /** A branch, tag or commit; undefined for the repository's HEAD. */
  readonly ref: string | undefined;
  /** A file or folder in its tree; empty for all of it. */
  readonly folder: string;
}

export interface GitParts {
  readonly files: Files;
  readonly exec: Exec;
  readonly clock: Pick<Clock, "now">;
  readonly signal: AbortSignal;
}

/** Bytes of the list of a commit's files: four years of 5-minute checkpoints. */
const MAX_LIST = 64 << 20;
/** Bytes of notes that are read by one process. */
const MAX_READ = 16 << 20;

/** The checkpoints in a commit of a local git repository; publishing adds a commit to a branch. */
export function gitPlace(source: GitSource, parts: GitParts): AnchorPlace {
  return {
    source: source.source,
    notes: () => notesIn(source, parts),
    beside: (checkpoint) => besideIn(source, parts, checkpoint),
    publish: (checkpoint) => publishIn(source, parts, checkpoint),
  };
}

async function* notesIn(source: GitSource, parts: GitParts): AsyncGenerator<HeldNote> {
  const repository = openRepository(source, parts.files);
  const commit = await commitAt(repository, parts, source.ref ?? "HEAD");
  if (commit === undefined) {
    throw new FleetsecError("not-found", `there is no ${source.ref ?? "commit"} in ${source.path}`);
  }
  const listed = await filesIn(repository, parts, commit, source);
  let [chunk, bytes]: [Blob[], number] = [[], 0];
  for (const [i, blob] of listed.entries()) {
    chunk.push(blob);
    bytes += blob.size;
    if (bytes < MAX_READ && i < listed.length - 1) continue;
    const notes = await readBlobs(repository, parts, chunk);
    for (const [at, { path }] of chunk.entries()) {
      const where = `git:${source.path}#${commit.slice(0, 12)}:${path}`;
      yield { source: where, bytes: notes[at] ?? Buffer.of(), named: path === source.folder };
    }
    [chunk, bytes] = [[], 0];
  }
}

/** The newest checkpoints of the log on the branch that is published to. */
async function besideIn(
  source: GitSource,
  parts: GitParts,
  checkpoint: SignedCheckpoint,
): Promise<HeldNote[]> {
  const repository = openRepository(source, parts.files);
  const branch = await branchOf(repository, parts, source);
  const commit = await commitAt(repository, parts, branch);
  if (commit === undefined) return [];
  const folder = pathIn(source, folderName(checkpoint));
  const blobs = await filesIn(repository, parts, commit, { ...source, folder });
  const named = new Map(blobs.map((blob) => [blob.path.slice(folder.length + 1), blob]));
  const newest = newestSizes(named.keys()).map((name) => named.get(name) as Blob);
  const notes = await readBlobs(repository, parts, newest);
  return newest.map(({ path }, i) => ({
    source: `git:${source.path}#${commit.slice(0, 12)}:${path}`,
    bytes: notes[i] as Buffer,
    named: false,
  }));
}

function pathIn({ folder }: GitSource, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** @throws FleetsecError `not-found` where there is no repository */
function openRepository({ path }: GitSource, files: Files): Repository {
  const inside = join(path, ".git");
  const gitDirectory = files.kind(inside) === "directory" ? inside : path;
  if (files.kind(join(gitDirectory, "HEAD")) !== undefined) return { path, gitDirectory };
  throw new FleetsecError("not-found", `${path} is no git repository`, {
    hint: "name the directory of a clone, or of a bare repository",
  });
}

async function commitAt(
  repository: Repository,
  { exec, signal }: GitParts,
  ref: string,
): Promise<string | undefined> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`];
  const { ok, stdout } = await git(exec, repository, args, { signal });
  const commit = stdout.trim();
  return ok && /^[0-9a-f]{40,64}$/.test(commit) ? commit : undefined;
}

interface Blob {
  readonly id: string;
  readonly size: number;
  readonly path: string;
}

async function filesIn(
  repository: Repository,
  { exec, signal }: GitParts,
  commit: string,
  { source, folder }: GitSource,
): Promise<Blob[]> {
  const args = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit, ...(folder === "" ? [] : ["--", folder])];
  const list = await mustGit(exec, repository, args, { signal, maxOutput: MAX_LIST });
  const blobs: Blob[] = [];
  for (const line of list.split("\0")) {
    if (line === "") continue;
    const [, id = "", digits = "", path = ""] =
      /^100\d{3} blob ([0-9a-f]{40,64}) +(\d+|BAD)\t(.*)$/s.exec(line) ?? [];
    if (path.split("/").some((name) => name.startsWith("."))) continue;
    if (digits === "BAD") throw damaged(repository, id);
    const size = Number(digits);
    if (id === "" || size > MAX_NOTE_SIZE) {
      const name = path === "" ? line.slice(line.indexOf("\t") + 1) : path;
      throw new FleetsecError(
        "input",
        `the anchor ${source} holds something that is no checkpoint: ${name}`,
        {
          hint: "name the folder that the checkpoints are in: git:REPO#REF:FOLDER",
        },
      );
    }
    blobs.push({ id, size, path });
    if (blobs.length > MAX_ANCHORS) {
      throw new FleetsecError("input", `the anchor ${source} holds more than ${MAX_ANCHORS} files`);
    }
  }
  return blobs;
}

/** The bytes of each, in their order. */
async function readBlobs(
  repository: Repository,
  { exec, signal }: GitParts,
  blobs: readonly Blob[],
): Promise<Buffer[]> {
  const output = await mustGit(exec, repository, ["cat-file", "--batch"], {
    input: blobs.map(({ id }) => `${id}\n`).join(""),
    maxOutput: blobs.reduce((sum, { size }) => sum + size + 128, 0),
    signal,
  });
  const bytes = Buffer.from(output, "latin1");
  let at = 0;
  return blobs.map(({ id, size }) => {
    const header = Buffer.from(`${id} blob ${size}\n`);
    if (!bytes.subarray(at, at + header.length).equals(header)) {
      throw damaged(repository, id);
    }
    const start = at + header.length;
    at = start + size + 1;
    return bytes.subarray(start, start + size);
  });
}

function damaged({ path }: Repository, id: string): FleetsecError {
  return new FleetsecError("engine", `git does not give the object ${id} of ${path}`, {
    hint: "run git fsck there: the repository is damaged, or not a whole clone",
  });
}

/** Adds a commit by `git fast-import`, which touches neither index nor work tree. */
async function publishIn(
  source: GitSource,
  parts: GitParts,
  checkpoint: SignedCheckpoint,
): Promise<{ readonly outcome: "published" | "present"; readonly at: string }> {
  const { exec, clock, signal } = parts;
  const repository = openRepository(source, parts.files);
  const branch = await branchOf(repository, parts, source);
  const path = pathIn(source, checkpointName(checkpoint));
  const at = `git:${source.path}#${branch.replace("refs/heads/", "")}:${path}`;
  const parent = await commitAt(repository, parts, branch);
  const held =
    parent === undefined ? [] : await filesIn(repository, parts, parent, { ...source, folder: path });
  const [there] = await readBlobs(repository, parts, held.slice(0, 1));
  if (isPresent(there, checkpoint, at)) return { outcome: "present", at };
  const message = `checkpoint of ${checkpoint.origin}, size ${checkpoint.size}\n`;
  const commands = [
    `commit ${branch}\ncommitter fleetsec <fleetsec@localhost> ${Math.floor(clock.now() / 1000)} +0000\n`,
    data(message),
    parent === undefined ? "" : `from ${parent}\n`,
    `M 100644 inline ${path}\n`,
    data(checkpoint.note),
    "done\n",
  ];
  await mustGit(exec, repository, ["fast-import", "--quiet", "--done"], { input: commands.join(""), signal });
  return { outcome: "published", at };
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

/** @throws FleetsecError `refused` for the branch of a work tree, which would then differ from it */
async function branchOf(
  repository: Repository,
  { exec, signal }: GitParts,
  { path, ref }: GitSource,
): Promise<string> {
  const head = (await git(exec, repository, ["symbolic-ref", "--quiet", "HEAD"], { signal })).stdout.trim();
  const branch = ref === undefined ? head : `refs/heads/${ref}`;
  if (!branch.startsWith("refs/heads/")) {
    throw new FleetsecError("refused", `${path} has no branch checked out that could be added to`, {
      hint: "name one: git:REPO#BRANCH",
    });
  }
  const bare = await mustGit(exec, repository, ["rev-parse", "--is-bare-repository"], { signal });
  if (bare.trim() === "true" || branch !== head) return branch;
  throw new FleetsecError("refused", `${branch} is checked out in ${path}`, {
    hint: "name another branch, e.g. git:REPO#checkpoints, or a bare repository",
  });
}
