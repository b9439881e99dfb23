import { basename, dirname, join } from "node:path";
import { FleetsecError } from "../../../errors.ts";
import type { Files } from "../../../platform/files.ts";
import type { Platform } from "../../../platform/platform.ts";
import { isDirectory, isLogFile, repeatedText } from "../expand.ts";
import { beginning, lineInput } from "../lines.ts";
import { placeStream } from "../positions.ts";
import type { SigningRun } from "../run.ts";
import { type StreamSource, streamSource } from "../sources.ts";
import type { InputPosition } from "../state.ts";
import { begunFile, type BegunLogs } from "./begun.ts";
import { type FollowedLog, followLog, type FollowParts, type Lines } from "./followed-log.ts";
import { type Glance, glanceAt } from "./glance.ts";
import { placeLog } from "./place.ts";
import { identify, rotatedNames, rotationOf } from "./rotated.ts";

export interface FollowRequest {
  /** Files and directories as absolute paths, or `-` for standard input. A file may come later. */
  readonly inputs: readonly string[];
  /** Takes an input that does not go on from where it was signed for a new one. */
  readonly newInput: boolean;
}

export type FollowingParts = Pick<Platform, "stdin" | "signal"> &
  Pick<FollowParts, "files" | "clock" | "open" | "warn"> & {
    readonly run: SigningRun;
    readonly begun: BegunLogs;
  };

/** Milliseconds between two looks at a file at whose end we are. */
const POLL = 250;
/** Milliseconds for which standard input is waited for when the run is to end. */
const GRACE = 100;
/** How much is still read then, however fast it comes. */
const MAX_LAST_ROUNDS = 64;
const MAX_LAST_CHUNKS = 1024;
const STREAM = "-";

export interface Following {
  /** Takes lines as they are written, until the signal is aborted or every input has ended. */
  run(): Promise<void>;
  close(): void;
}

/**
 * Finds where each input goes on.
 * @param known positions of all inputs
 * @param parts `run` is told where each input stands
 * @throws FleetsecError `input` on a log that does not go on from what was signed of it
 */
export function startFollowing(
  request: FollowRequest,
  parts: FollowingParts,
  known: readonly InputPosition[],
): Following {
  const { files, clock, signal, run, begun } = parts;
  const glance = glanceAt(files);
  const directories = request.inputs.filter((input) => input !== STREAM && isDirectory(files, input));
  const logs: FollowedLog[] = [];
  /** Paths of logs of which nothing is signed, and no line taken yet. */
  const fresh = new Set<string>();
  const add = (path: string, withRotated: boolean): void => {
    logs.push(
      unlessMoved(() => {
        const options = { withRotated, acceptNew: request.newInput, begun: begun.of(path) };
        const placed = placeLog(files, path, known, options);
        if (placed.family.length === 0) fresh.add(path);
        for (const name of placed.family) run.record(name, undefined);
        return followLog(path, { ...parts, glance }, placed);
      }),
    );
  };
  /** Another log whose file a path leads to. What rotation made of it is named on purpose, where it is. */
  const sameAs = (path: string): FollowedLog | undefined => {
    const id = identify(files, path)?.id;
    return id === undefined ? undefined : logs.find((log) => log.has(id) && !isRotatedOf(log.path, path));
  };
  for (const input of new Set(request.inputs)) {
    if (input === STREAM) continue;
    for (const path of directories.includes(input) ? logsIn(files, glance, input) : [input]) {
      if (logs.some((log) => log.path === path)) continue;
      const as = sameAs(path)?.path;
      if (as === undefined) add(path, directories.includes(dirname(path)));
      else parts.warn(repeatedText({ path, as }));
    }
  }
  const stream = request.inputs.includes(STREAM) ? followStream(parts, request, known) : undefined;
  const waiting = waiter(parts);
  if (stream !== undefined) stream.source.onReady = waiting.wake;

  /** Files that have come into a directory since, or in the place of another name of a file. */
  const addNew = (): boolean => {
    const before = logs.length;
    const named = request.inputs.filter((input) => input !== STREAM && !directories.includes(input));
    for (const path of [...named, ...directories.flatMap((directory) => logsIn(files, glance, directory))]) {
      const id = logs.some((log) => log.path === path) ? undefined : identify(files, path)?.id;
      if (id !== undefined && !logs.some((log) => log.has(id))) add(path, false);
    }
    return logs.length > before;
  };

  /** First lines of logs that were polled, and wait to be taken until it is noted which files they are from. */
  const first: (Lines & { readonly path: string; readonly file: string })[] = [];
  let firstSince = 0;
  const takeFirst = async (): Promise<void> => {
    const held = first.splice(0);
    if (held.length === 0) return;
    await begun.note(new Map(held.map(({ path, file, lines }) => [path, begunFile(file, lines)])));
    for (const one of held) await take(one);
  };
  const take = async ({ input, lines }: Lines): Promise<void> => {
    await run.take(input, lines);
    await run.publishDue();
  };

  /** One look at every input. Whether there was anything. */
  const round = async (): Promise<boolean> => {
    let any = false;
    glance.renew();
    for (const input of [...logs, ...(stream === undefined ? [] : [stream])]) {
      const lines = await input.poll().catch(async (error: unknown) => {
        // standard input comes only once: what other inputs gave is signed all the same
        await run.end();
        throw error;
      });
      any ||= lines !== undefined;
      if (lines?.file !== undefined && "path" in input && fresh.delete(input.path)) {
        if (first.length === 0) firstSince = clock.monotonic();
        first.push({ ...lines, path: input.path, file: lines.file });
      } else if (lines !== undefined) await take(lines);
      // a round over many files takes its time, and each note is one of all logs
      if (clock.monotonic() - firstSince >= POLL) await takeFirst();
      if (clock.monotonic() >= run.deadline()) await run.publishDue();
    }
    await takeFirst();
    return any;
  };

  return {
    async run() {
      await run.publishDue();
      while (!signal.aborted) {
        const any = (await round()) || addNew();
        await run.publishDue();
        if (stream?.ended() === true && logs.length + directories.length === 0) return;
        if (!any) await waiting.wait();
      }
      // what was written before the end was asked for; a backlog is the next run's
      for (let rounds = 0; rounds < MAX_LAST_ROUNDS && (await round()); rounds += 1);
      await stream?.finish(waiting, run);
    },
    close() {
      for (const log of logs) log.close();
    },
  };
}

function isRotatedOf(log: string, path: string): boolean {
  return dirname(log) === dirname(path) && rotationOf(basename(log), basename(path)) !== undefined;
}

/** Once more where a file was rotated while its place was looked for. */
function unlessMoved<T>(action: () => T): T {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return action();
    } catch (error) {
      const moved = error instanceof FleetsecError && error.code === "not-found";
      if (!moved || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

const MAX_ATTEMPTS = 10;

/** The logs in a directory, without the rotated files of those that are there too. */
function logsIn(files: Files, glance: Glance, directory: string): string[] {
  const names = glance.names(directory).filter((name) => isLogFile(files, directory, name));
  const rotated = new Set(names.flatMap((log) => rotatedNames(names, log).map(({ name }) => name)));
  return names.filter((name) => !rotated.has(name)).map((name) => join(directory, name));
}

interface FollowedStream {
  readonly source: StreamSource;
  poll(): Promise<Lines | undefined>;
  ended(): boolean;
  /** Takes what has come, to the middle of a line where it must be: it comes only once. */
  finish(waiting: Waiter, run: SigningRun): Promise<void>;
}

function followStream(
  { stdin, clock, signal }: FollowingParts,
  { newInput }: FollowRequest,
  known: readonly InputPosition[],
): FollowedStream {
  const source = streamSource(stdin, clock, signal);
  const input = lineInput(STREAM, source, beginning());
  const last = newInput ? undefined : known.find(({ name }) => name === STREAM);
  let placing = last === undefined ? undefined : settle(placeStream(input, last));
  let ended = false;

  const poll = async (): Promise<Lines | undefined> => {
    if (placing !== undefined) {
      const outcome = placing.outcome();
      if (outcome === undefined) return undefined;
      if ("failure" in outcome) {
        if (outcome.failure === signal.reason) return undefined;
        throw outcome.failure;
      }
      placing = undefined;
    }
    const lines = ended ? undefined : await input.peek(0);
    ended ||= lines?.length === 0;
    return lines === undefined || ended ? undefined : { input, lines };
  };

  return {
    source,
    poll,
    ended: () => ended,
    async finish(waiting, run) {
      for (let chunks = 0; chunks < MAX_LAST_CHUNKS; chunks += 1) {
        let lines = await poll();
        if (lines === undefined && !ended) {
          await waiting.linger();
          lines = await poll();
        }
        if (lines === undefined) break;
        await run.take(lines.input, lines.lines);
      }
      source.stop();
      for (let lines = await poll(); lines !== undefined; lines = await poll())
        await run.take(lines.input, lines.lines);
    },
  };
}

/** A promise whose outcome can be looked at without waiting for it. */
function settle(promise: Promise<void>): { outcome(): { failure: unknown } | { done: true } | undefined } {
  let outcome: { failure: unknown } | { done: true } | undefined;
  promise.then(
    () => (outcome = { done: true }),
    (failure: unknown) => (outcome = { failure }),
  );
  return { outcome: () => outcome };
}

interface Waiter {
  /** Ends the waiting, or the next one. */
  readonly wake: () => void;
  /** Until it is time for another look. */
  wait(): Promise<void>;
  /** The same after the signal was aborted, for a short time. */
  linger(): Promise<void>;
}

/** One timer at a time, and nothing that piles up on a promise that may stay open for weeks. */
function waiter({ clock, signal, run }: FollowingParts): Waiter {
  let woken = false;
  let resume: () => void = () => {};
  let sleeping: Promise<void> | undefined;

  const sleep = async (start: () => Promise<void>): Promise<void> => {
    try {
      await start();
    } catch {
      // whoever waits looks at the signal
    }
    sleeping = undefined;
    resume();
  };

  const until = async (start: () => Promise<void>): Promise<void> => {
    if (!woken) {
      await new Promise<void>((resolve) => {
        resume = resolve;
        sleeping ??= sleep(start);
      });
    }
    woken = false;
  };

  return {
    wake() {
      woken = true;
      resume();
    },
    wait: async () =>
      until(async () => clock.sleep(Math.max(0, Math.min(POLL, run.deadline() - clock.monotonic())), signal)),
    linger: async () => until(async () => clock.sleep(GRACE, new AbortController().signal)),
  };
}
