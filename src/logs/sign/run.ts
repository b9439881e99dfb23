import type { Platform } from "../../platform/platform.ts";
import { paceOf } from "../verify/pace.ts";
import { openBatch, type Taken } from "./batch.ts";
import type { LineInput } from "./lines.ts";
import { type Batch, publishBatch, type SignedLog } from "./publish.ts";
import type { HashRange } from "./ranges.ts";
import type { InputPosition } from "./state.ts";
import type { LogTail } from "./tail.ts";

export interface SignedAmount {
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

/** When batches are closed. */
export interface BatchLimits {
  /** Seconds after its first record came. */
  readonly interval: number;
  readonly maxRecords: number;
  /**
   * Closes a batch every interval, also an empty one, and an empty one at once: from there on the
   * log's silence means that nothing was signed, and not that nothing happened.
   */
  readonly heartbeat?: boolean;
}

export type RunParts = Pick<Platform, "clock" | "signal"> & {
  readonly hash: HashRange;
  /** Called after each batch that is published, with what this run has signed so far. */
  readonly onBatch?: (signed: SignedAmount) => void;
};

/** What a run must know of an input to sign lines of it. */
export type SignedInput = Pick<LineInput, "name" | "position"> & {
  readonly take: (bytes: number, lines: number) => void;
};

/** One run of the signer: inputs go in, batches come out. */
export interface SigningRun {
  /** Notes how far an input is signed, as the newest where that is farther than before; undefined forgets it. */
  record(name: string, position: InputPosition | undefined): void;
  /** How far each input is signed or taken: that of which lines were taken last comes last. */
  positions(): readonly InputPosition[];
  /** Takes of the whole lines at hand what fits into the batch, and publishes it where it is full. */
  take(input: SignedInput, lines: Buffer): Promise<void>;
  /** When the open batch must be closed, by the monotonic clock. */
  deadline(): number;
  /** Publishes the open batch where its time is over; then nothing is being published any more. */
  publishDue(): Promise<void>;
  /**
   * Takes an input to its end. Its last lines may be in a batch that is still open, and the batch
   * before that may still be being published.
   */
  sign(input: LineInput): Promise<void>;
  /** Waits for what is being published, however that ends. */
  settled(): Promise<void>;
  /** Closes the last batch and publishes it. */
  end(): Promise<{
    readonly tail: LogTail;
    readonly signed: SignedAmount;
    /** Inputs of which an earlier run had signed a last line that has gone on since. */
    readonly splitLines: readonly string[];
  }>;
}

/** @param others positions of inputs that this run does not read, oldest first */
export function signingRun(
  limits: BatchLimits,
  parts: RunParts,
  log: SignedLog,
  start: LogTail,
  others: readonly InputPosition[],
): SigningRun {
  const { clock, signal, onBatch } = parts;
  const pace = paceOf(clock, signal, TURN);
  const interval = limits.interval * 1000;
  const batch = openBatch(limits.maxRecords, parts.hash);
  const positions = new Map(others.map((position) => [position.name, position]));
  const splitLines: string[] = [];
  let tail = start;
  let signed: SignedAmount = { batches: 0, records: 0, bytes: 0 };
  let due = limits.heartbeat === true ? clock.monotonic() : Number.POSITIVE_INFINITY;

  const record = (name: string, position: InputPosition | undefined): void => {
    if (position === undefined || position.bytes !== positions.get(name)?.bytes) positions.delete(name);
    if (position !== undefined) positions.set(name, position);
  };

  /** Of one batch after the other: while it is done, lines of the next may be taken. */
  let publishing: Promise<void> | undefined;

  /** @throws what made publishing fail: after that nothing is published any more */
  const published = async (): Promise<void> => {
    await publishing;
    publishing = undefined;
  };

  const publish = async (closing: Promise<Batch>, inputs: readonly InputPosition[]): Promise<void> => {
    const closed = await closing;
    tail = await publishBatch(log, tail, closed, inputs);
    signed = {
      batches: signed.batches + 1,
      records: signed.records + closed.records,
      bytes: signed.bytes + closed.data.length,
    };
    onBatch?.(signed);
  };

  const flush = async (): Promise<void> => {
    await published();
    const closing = batch.close(clock.now(), tail.closed);
    due = limits.heartbeat === true ? clock.monotonic() + interval : Number.POSITIVE_INFINITY;
    publishing = publish(closing, [...positions.values()].slice(-MAX_POSITIONS));
    // it is thrown where it is waited for
    publishing.catch(() => undefined);
  };

  const publishDue = async (): Promise<void> => {
    if (clock.monotonic() >= due) await flush();
    await published();
  };

  /** Puts what fits into the batch; gives how much that is. */
  const add = (lines: Buffer): Taken => {
    const taken = batch.add(lines, clock.now());
    if (taken.lines > 0) due = Math.min(due, clock.monotonic() + interval);
    return taken;
  };

  const take = async (input: SignedInput, lines: Buffer): Promise<void> => {
    const taken = add(lines);
    input.take(taken.bytes, taken.lines);
    // whatever closes the batch, the position is that of the lines in it
    record(input.name, input.position());
    if (batch.full) await flush();
  };

  /** Hashes the lines of an input that are in the batch from there on, where the batch's hash is not theirs. */
  const hashTaken = (input: LineInput, from: number): void => {
    const lines = batch.since(from);
    const isStretch = from === 0 && lines.length >= LEAST_STRETCH && stretchesIn(positions) < MAX_STRETCHES;
    if (isStretch) input.hash.add(lines.length, batch.sha256());
    else input.hash.update(lines);
    record(input.name, input.position());
  };

  /** What is at hand is taken while a batch is being published; before we wait, that is over. */
  const peek = async (input: LineInput, from: number): Promise<Buffer | undefined> => {
    try {
      return await input.peek(publishing === undefined ? due : clock.monotonic());
    } catch (error) {
      // how far it was taken before that is known all the same
      hashTaken(input, from);
      throw error;
    }
  };

  return {
    record,
    positions: () => [...positions.values()],
    take,
    publishDue,
    deadline: () => due,
    async sign(input) {
      let from = batch.bytes;
      for (;;) {
        signal.throwIfAborted();
        await pace();
        const lines = await peek(input, from);
        if (lines?.length === 0) break;
        if (lines === undefined) await published();
        else {
          const taken = add(lines);
          input.take(taken.bytes, taken.lines, true);
        }
        if (!batch.full && clock.monotonic() < due) continue;
        hashTaken(input, from);
        await flush();
        from = 0;
      }
      hashTaken(input, from);
      if (input.resumedWithinLine()) splitLines.push(input.name);
    },
    settled: async () => publishing?.catch(() => undefined),
    async end() {
      if (batch.records > 0) await flush();
      await published();
      return { tail, signed, splitLines };
    },
  };
}

/** Milliseconds of reading after which what other threads have done is looked at. */
const TURN = 5;

/**
 * An input's lines of a batch are a stretch of their own from so many bytes on, and while there are so many
 * stretches at most: the signer's state holds how long each is, and is written with each batch.
 */
const LEAST_STRETCH = 4 << 20;
const MAX_STRETCHES = 10_000;

function stretchesIn(positions: ReadonlyMap<string, InputPosition>): number {
  let sum = 0;
  for (const { stretches } of positions.values()) sum += stretches?.length ?? 1;
  return sum;
}

/** Inputs that a signer remembers; the oldest are forgotten beyond that. */
const MAX_POSITIONS = 10_000;
