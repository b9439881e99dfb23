import { FleetsecError } from "../../errors.ts";
import type { Files, OpenFile } from "../../platform/files.ts";
import type { Platform } from "../../platform/platform.ts";
import { holdsPrivateKey } from "../key-file.ts";
import { type ExpandedInputs, expandInputs, repeatedText, STREAM } from "./expand.ts";
import { begunLogs } from "./follow/begun.ts";
import { startFollowing } from "./follow/follow.ts";
import { withoutKeys } from "./follow/without-keys.ts";
import { unlessMoved } from "./follow/rotated.ts";
import { holdLog, type RemoteStore } from "./hold.ts";
import type { SignedLog } from "./publish.ts";
import { resume } from "./resume.ts";
import { requireUnretired } from "./retired-keys.ts";
import { requireEveryKey, requireInUse } from "./rotate-key.ts";
import { type SignedAmount, type SigningRun, signingRun } from "./run.ts";
import { type SigningThreads, signingThreads, type ThreadUse } from "./threads.ts";
import { type RunStart, signToEnd } from "./to-end.ts";

export interface SignRequest {
  /** Files and directories as absolute paths, or `-` for standard input. */
  readonly inputs: readonly string[];
  /** Files of private keys, absolute: they are never signed, though a directory may hold them. */
  readonly keyFiles: readonly string[];
  /** The store's directory, absolute; where it is kept elsewhere, that. */
  readonly store: string | RemoteStore;
  /** Seconds after which a batch is closed. */
  readonly interval: number;
  /** Records after which a batch is closed. */
  readonly maxRecords: number;
  /** Takes an input that does not go on from where it was signed for a new one. */
  readonly newInput: boolean;
  /** Goes on with what is written to the inputs, through their rotation, until the signal is aborted. */
  readonly follow: boolean;
  /** While following: signs a batch every interval, though nothing came. */
  readonly heartbeat: boolean;
  readonly threads: ThreadUse;
}

export type SignParts = Pick<Platform, "files" | "locks" | "clock" | "stdin" | "signal" | "threads"> & {
  readonly signers: SignedLog["signers"];
  /** Called after each batch that is published, with what this run has signed so far. */
  readonly onBatch?: (signed: SignedAmount) => void;
  /** Told of lines that may be lost and of private keys that are passed over, while following, of what another signer had begun, and of files with two names. */
  readonly onWarning?: (text: string) => void;
};

export interface SignResult {
  readonly origin: string;
  /** Batches in the log, of every run. */
  readonly size: number;
  readonly root: Uint8Array;
  /** What this run added. */
  readonly signed: SignedAmount;
  /** The batch that an earlier run had begun, and that this one has brought to its end. */
  readonly ended?: number;
  /** Names in a directory that are no log files. */
  readonly skipped: readonly string[];
  /** Inputs of which an earlier run had signed a last line that has gone on since. */
  readonly splitLines: readonly string[];
}

/**
 * Signs the lines of the inputs that are not signed yet, in order, in batches.
 * @throws FleetsecError `input` on inputs that cannot be read or were changed, `refused` where a
 *   private key is among them, `state` where the store cannot be continued, `busy` where another signer works on it; what was signed before stays
 */
export async function signLogs(request: SignRequest, parts: SignParts): Promise<SignResult> {
  const { files, signers } = parts;
  const open = logOpener(files, request.keyFiles);
  // what is followed may come later, and is refused when it is opened
  const { skipped, repeated } = request.follow
    ? { skipped: [], repeated: [] }
    : expandOpening(files, request.inputs, open);
  for (const one of repeated) parts.onWarning?.(repeatedText(one));
  const { write, close, ...threads } = signingThreads(files, parts.threads, request.threads);
  try {
    return {
      ...(await holdLog(request.store, { ...parts, write }, signers, async (log) =>
        signInputs(request, { ...parts, ...threads, open }, log),
      )),
      skipped,
    };
  } finally {
    await close();
    if (request.inputs.includes(STREAM)) parts.stdin.close();
  }
}

/** What the inputs are; each file is opened once, so that a private key among them is refused before anything is done. */
function expandOpening(
  files: Files,
  inputs: readonly string[],
  open: (path: string) => OpenFile,
): ExpandedInputs {
  return unlessMoved(() => {
    const expanded = expandInputs(files, inputs);
    for (const path of expanded.paths) if (path !== STREAM) open(path).close();
    return expanded;
  });
}

/** Opens files to be signed. @throws FleetsecError `refused` on a private key: the log's, or any other */
function logOpener(files: Files, keyFiles: readonly string[]): (path: string) => OpenFile {
  const keys = new Set(keyFiles.map((path) => fileId(files, path)));
  return (path) => {
    const file = files.open(path, { follow: true });
    // a key in a token has a file that holds none
    if (!keys.has(file.id) && !holdsPrivateKey(file)) return file;
    file.close();
    throw publishesKey(path);
  };
}

/** Device and inode. @throws FleetsecError where the path leads to no file that can be read */
function fileId(files: Files, path: string): string {
  const file = files.open(path, { follow: true });
  file.close();
  return file.id;
}

function publishesKey(path: string): FleetsecError {
  return new FleetsecError("refused", `${path} is a private key: signing it would publish it`, {
    hint: "name the log files, or keep the key in another directory",
  });
}

type OpeningParts = Omit<SignParts, "threads"> &
  Pick<SigningThreads, "hash" | "expect"> & { readonly open: (path: string) => OpenFile };

async function signInputs(
  request: SignRequest,
  parts: OpeningParts,
  log: SignedLog,
): Promise<Omit<SignResult, "skipped">> {
  const now = parts.clock.now();
  await requireEveryKey(log);
  const { tail, inputs: known, ended, takenOver } = await resume(log, request.newInput, now);
  if (takenOver === true) {
    parts.onWarning?.(`another signer had begun batch ${ended}: it is signed as it stands in the store`);
  }
  await requireInUse(log, tail);
  await requireUnretired(log);
  const start = { log, tail, known };
  const run = request.follow
    ? await followInputs(request, parts, start)
    : await signToEnd(request, parts, start);
  const { tail: newest, signed, splitLines } = await run.end();
  return { ...newest.checkpoint, signed, splitLines, ...(ended === undefined ? {} : { ended }) };
}

async function followInputs(
  request: SignRequest,
  parts: OpeningParts,
  { log, tail, known }: RunStart,
): Promise<SigningRun> {
  const run = signingRun(request, parts, log, tail, known);
  const warn = parts.onWarning ?? (() => {});
  const { inputs, newInput } = request;
  const keyless = withoutKeys({ ...parts, warn }, new Set(inputs));
  const followed = { ...parts, ...keyless, run, warn, begun: begunLogs(log) };
  const following = startFollowing({ inputs, newInput }, followed);
  try {
    await following.run();
  } finally {
    following.close();
    await run.settled();
  }
  return run;
}
