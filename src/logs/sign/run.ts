import type { Platform } from "../../platform/platform.ts";
import { openBatch } from "./batch.ts";
import type { LineInput } from "./lines.ts";
import { publishBatch, type SignedLog } from "./publish.ts";
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
}

export type RunParts = Pick<Platform, "clock" | "signal"> & {
  /** Called after each batch that is published, with what this run has signed so far. */
  readonly onBatch?: (signed: SignedAmount) => void;
};

/** One run of the signer: inputs go in, batches come out. */
export interface SigningRun {
  /** Notes how far an input is signed; undefined forgets it. */
  record(name: string, position: InputPosition | undefined): void;
  /** Takes an input to its end. Its last lines may be in a batch that is still open. */
  sign(input: LineInput): Promise<void>;
  /** Closes the last batch. */
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
  const batch = openBatch(limits.maxRecords);
  const positions = new Map(others.map((position) => [position.name, position]));
  const splitLines: string[] = [];
  let tail = start;
  let signed: SignedAmount = { batches: 0, records: 0, bytes: 0 };

  const record = (name: string, position: InputPosition | undefined): void => {
    positions.delete(name);
    if (position !== undefined) positions.set(name, position);
  };

  const flush = async (): Promise<void> => {
    const closed = batch.close(clock.now(), tail.closed);
    tail = await publishBatch(log, tail, closed, [...positions.values()].slice(-MAX_POSITIONS));
    signed = {
      batches: signed.batches + 1,
      records: signed.records + closed.records,
      bytes: signed.bytes + closed.data.length,
    };
    onBatch?.(signed);
  };

  const deadline = (): number =>
    batch.opened === undefined ? Number.POSITIVE_INFINITY : batch.opened + limits.interval * 1000;

  return {
    record,
    async sign(input) {
      for (;;) {
        signal.throwIfAborted();
        const lines = await input.peek(deadline());
        if (lines?.length === 0) break;
        if (lines !== undefined) {
          const taken = batch.add(lines, clock.now());
          input.take(taken.bytes, taken.lines);
        }
        if (batch.full || clock.now() >= deadline()) {
          record(input.name, input.position());
          await flush();
        }
      }
      record(input.name, input.position());
      if (input.resumedWithinLine()) splitLines.push(input.name);
    },
    async end() {
      if (batch.records > 0) await flush();
      return { tail, signed, splitLines };
    },
  };
}

/** Inputs that a signer remembers; the oldest are forgotten beyond that. */
const MAX_POSITIONS = 10_000;
