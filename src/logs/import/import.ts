import { eachRecord, type RecordParts } from "../sign/each-record.ts";
import { expandInputs } from "../sign/expand.ts";
import type { Converted } from "./converted.ts";
import type { EventFile } from "./event-file.ts";
import { gatewayEvent } from "./gateway.ts";
import { opaEvents } from "./opa.ts";

export const importFormats = ["nginx", "envoy", "opa"] as const;
export type ImportFormat = (typeof importFormats)[number];

/** How each format's lines become events. */
const converters: Readonly<Record<ImportFormat, (record: Buffer) => readonly Converted[]>> = {
  nginx: (record) => [gatewayEvent(record)],
  envoy: (record) => [gatewayEvent(record)],
  opa: opaEvents,
};

export interface ImportRequest {
  readonly format: ImportFormat;
  /** Files and directories as absolute paths, or `-`. */
  readonly inputs: readonly string[];
}

/** A line that could not become an event. */
export interface ImportFault {
  /** An absolute path, or `-`. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly detail: string;
}

export interface ImportResult {
  /** Whether there was a line, and none that is not understood. */
  readonly ok: boolean;
  readonly lines: number;
  readonly events: number;
  /** Entries that are no events by their nature: what else the program writes. */
  readonly passedOver: number;
  readonly faults: number;
  /** The first of them. */
  readonly findings: readonly ImportFault[];
  readonly skipped: readonly string[];
}

const MAX_FINDINGS = 1_000;

/**
 * Turns the lines of other programs' logs into events, in order. Lines that cannot be turned are
 * reported and left out.
 * @throws FleetsecError `input`, `not-found` on inputs that cannot be read, or with a line over 1 MiB
 */
export async function importLogs(
  request: ImportRequest,
  parts: RecordParts,
  events: EventFile,
): Promise<ImportResult> {
  const { paths, skipped } = expandInputs(parts.files, request.inputs);
  const convert = converters[request.format];
  const findings: ImportFault[] = [];
  const count = { lines: 0, events: 0, passedOver: 0, faults: 0 };
  const take = (converted: Converted, file: string, line: number): void => {
    if ("event" in converted) {
      count.events += 1;
      events.write(`${JSON.stringify(converted.event)}\n`);
    } else if ("fault" in converted) {
      count.faults += 1;
      if (findings.length < MAX_FINDINGS) findings.push({ file, line, detail: converted.fault });
    } else count.passedOver += 1;
  };
  for (const file of paths) {
    await eachRecord(file, parts, (record, line) => {
      count.lines += 1;
      for (const converted of convert(record)) take(converted, file, line);
    });
  }
  events.end();
  return { ok: count.faults === 0 && count.lines > 0, ...count, findings, skipped };
}
