import type { OpenFile } from "../../platform/files.ts";
import type { Platform } from "../../platform/platform.ts";
import { STREAM } from "./expand.ts";
import { isMoved, MAX_ATTEMPTS, movedAway } from "./follow/rotated.ts";
import { tailedFile } from "./follow/tailed-file.ts";
import { beginning, lineInput, positionAt } from "./lines.ts";
import { type PlacedInput, placeInputs } from "./place-inputs.ts";
import { NO_ENDS, placeStream } from "./positions.ts";
import type { SignedLog } from "./publish.ts";
import { type BatchLimits, type RunParts, type SigningRun, signingRun } from "./run.ts";
import { streamSource, untilTruncated } from "./sources.ts";
import type { InputPosition } from "./state.ts";
import type { LogTail } from "./tail.ts";

export interface ToEndRequest extends BatchLimits {
  /** Files and directories as absolute paths, or `-` for standard input. */
  readonly inputs: readonly string[];
  /** Takes an input that does not go on from where it was signed for a new one. */
  readonly newInput: boolean;
}

export type ToEndParts = RunParts &
  Pick<Platform, "files" | "stdin"> & {
    /** Opens a file to be signed. @throws FleetsecError `refused` where that is a private key */
    readonly open: (path: string) => OpenFile;
    /** Told how many bytes are going to be read. */
    readonly expect: (bytes: number) => void;
    readonly onWarning?: (text: string) => void;
  };

export interface RunStart {
  readonly log: SignedLog;
  readonly tail: LogTail;
  readonly known: readonly InputPosition[];
}

/**
 * Signs inputs from where each was signed to where it ends now. Where a file is rotated meanwhile, they are
 * looked at again, and go on in whatever file has the rest.
 * @throws FleetsecError `input` on a file that does not go on from what was signed of it
 */
export async function signToEnd(
  request: ToEndRequest,
  parts: ToEndParts,
  { log, tail, known }: RunStart,
): Promise<SigningRun> {
  const { clock, stdin, signal } = parts;
  const run = signingRun({ ...request, heartbeat: false }, parts, log, tail, known);
  let isStreamSigned = false;

  const signStream = async (): Promise<void> => {
    isStreamSigned = true;
    const input = lineInput(STREAM, streamSource(stdin, clock, signal), beginning());
    const last = known.find(({ name }) => name === STREAM);
    if (last !== undefined && !request.newInput) await placeStream(input, last);
    await run.sign(input);
  };

  const signFile = async ({ path, id, size, start, ends = NO_ENDS }: PlacedInput): Promise<void> => {
    const file = parts.open(path);
    try {
      if (file.id !== id || file.size < size) throw movedAway(path);
      const source = untilTruncated(tailedFile(file, start.bytes, ends), path);
      await run.sign(lineInput(path, source, start));
    } finally {
      file.close();
    }
  };

  const signAll = async (): Promise<void> => {
    const { paths, placed } = placeInputs(parts, request, run.positions());
    for (const { position } of placed.values()) run.record(position?.name ?? "", undefined);
    for (const [path, { size, start }] of placed) {
      run.record(path, positionAt(path, start));
      parts.expect(Math.max(0, size - start.bytes));
    }
    for (const path of paths) {
      const input = placed.get(path);
      if (input !== undefined) await signFile(input);
      else if (path === STREAM && !isStreamSigned) await signStream();
    }
  };

  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await signAll();
        break;
      } catch (error) {
        if (!isMoved(error) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  } finally {
    // whatever ends the reading: a batch that is being published is published
    await run.settled();
  }
  signal.throwIfAborted();
  return run;
}
