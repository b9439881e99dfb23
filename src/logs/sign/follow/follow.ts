import type { Platform } from "../../../platform/platform.ts";
import { paceOf } from "../../verify/pace.ts";
import { STREAM } from "../expand.ts";
import { beginning, lineInput } from "../lines.ts";
import { placeStream } from "../positions.ts";
import type { SigningRun } from "../run.ts";
import { type StreamSource, streamSource } from "../sources.ts";
import { begunFile } from "./begun.ts";
import type { Lines } from "./generation.ts";
import type { FollowedLog } from "./followed-log.ts";
import { followLogs, type FollowLogsParts } from "./followed-logs.ts";
import { glanceAt } from "./glance.ts";

export interface FollowRequest {
  /** Files and directories as absolute paths, or `-` for standard input. A file may come later. */
  readonly inputs: readonly string[];
  /** Takes an input that does not go on from where it was signed for a new one. */
  readonly newInput: boolean;
}

export type FollowingParts = Omit<FollowLogsParts, "glance"> &
  Pick<Platform, "stdin" | "signal"> & { readonly run: SigningRun };

/** Milliseconds between two looks at a file at whose end we are. */
const POLL = 250;
/** Milliseconds for which standard input is waited for when the run is to end. */
const GRACE = 100;
/** How much is still read then, of what was written before. */
const MAX_LAST_ROUNDS = 64;
const MAX_LAST_CHUNKS = 1024;

export interface Following {
  /** Takes lines as they are written, until the signal is aborted or every input has ended. */
  run(): Promise<void>;
  close(): void;
}

/**
 * Finds where each input goes on.
 * @param parts `run` knows how far each is signed, and is told where it stands
 * @throws FleetsecError `input` on a log that does not go on from what was signed of it
 */
export function startFollowing(request: FollowRequest, parts: FollowingParts): Following {
  const { clock, signal, run } = parts;
  const stream = request.inputs.includes(STREAM) ? followStream(parts, request) : undefined;
  const glance = glanceAt(parts.files);
  const inputs = request.inputs.filter((input) => input !== STREAM);
  const followed = followLogs({ ...request, inputs }, { ...parts, glance });
  const { logs } = followed;
  const waiting = waiter(parts);
  if (stream !== undefined) stream.source.onReady = waiting.wake;

  /** First lines of files that were polled, and wait for a look at what came before them. */
  const first: { readonly log: FollowedLog; readonly lines: Lines }[] = [];
  let firstSince = 0;
  /** One look at all their directories; names can move while they are listed, so it is two. */
  const takeFirst = async (): Promise<void> => {
    const held = first.splice(0);
    if (held.length === 0) return;
    const [before, now] = [1, 2].map(() => {
      glance.renew();
      return held.map(({ log }) => log.look());
    });
    const due = held.filter(
      ({ log, lines }, i) => lines.isFirst !== true || !log.isPreceded([before?.[i] ?? [], now?.[i] ?? []]),
    );
    const fresh = due.filter(({ log }) => followed.isFirst(log.path));
    await followed.note(
      new Map(fresh.map(({ log, lines }) => [log.path, begunFile(lines.file ?? "", lines.lines)])),
    );
    for (const { lines } of due) await take(lines);
  };
  /** Lets signals in, of a backlog too; it goes on when the first has come, for what was written before. */
  const pace = paceOf(clock, new AbortController().signal);
  const take = async ({ input, lines }: Lines): Promise<void> => {
    await run.take(input, lines);
    await run.publishDue();
    await pace();
  };

  /** One look at every input. Whether there was anything. */
  const round = async (): Promise<boolean> => {
    let any = false;
    glance.renew();
    for (const input of [...logs, ...(stream === undefined ? [] : [stream])]) {
      if (signal.aborted) followed.endHere();
      const lines = await input.poll().catch(async (error: unknown) => {
        // standard input comes only once: what other inputs gave is signed all the same
        await run.end();
        throw error;
      });
      any ||= lines !== undefined;
      const isHeld = "path" in input && (lines?.isFirst === true || followed.isFirst(input.path));
      if (lines !== undefined && isHeld) {
        if (first.length === 0) firstSince = clock.monotonic();
        first.push({ log: input, lines });
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
        const any = (await round()) || followed.addNew();
        await run.publishDue();
        if (stream?.ended() === true && inputs.length === 0) return;
        if (!any) await waiting.wait();
      }
      // what was written before the end was asked for; a long backlog is the next run's
      for (let rounds = 0; rounds < MAX_LAST_ROUNDS && (await round()); rounds += 1);
      await stream?.finish(waiting, run);
    },
    close() {
      followed.close();
    },
  };
}

interface FollowedStream {
  readonly source: StreamSource;
  poll(): Promise<Lines | undefined>;
  ended(): boolean;
  /** Takes what has come, to the middle of a line where it must be: it comes only once. */
  finish(waiting: Waiter, run: SigningRun): Promise<void>;
}

function followStream(
  { stdin, clock, signal, run: signing }: FollowingParts,
  { newInput }: FollowRequest,
): FollowedStream {
  const source = streamSource(stdin, clock, signal);
  const input = lineInput(STREAM, source, beginning());
  const last = newInput ? undefined : signing.positions().find(({ name }) => name === STREAM);
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
