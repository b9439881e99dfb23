import type { Platform } from "../../platform/platform.ts";
import { expandInputs } from "../sign/expand.ts";
import { eachRecord } from "../sign/each-record.ts";
import { type Event, eventTypes, type Fault, lintRecord } from "./event.ts";

export interface LintFinding extends Fault {
  /** An absolute path, or `-`. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface LintResult {
  readonly ok: boolean;
  readonly checked: { readonly files: number; readonly records: number; readonly bytes: number };
  /** All of them, though only the first are listed. */
  readonly faults: number;
  readonly findings: readonly LintFinding[];
  /** What services were to write, and did not. */
  readonly missing: readonly MissingEvents[];
  readonly skipped: readonly string[];
}

/** Types of events that a service never wrote. */
export interface MissingEvents {
  readonly service: string;
  readonly eventTypes: readonly EventType[];
}

export type EventType = (typeof eventTypes)[number];

/** What each service is to write. */
export type ExpectedEvents = Readonly<Record<string, readonly EventType[]>>;

export type LintParts = Pick<Platform, "files" | "clock" | "stdin" | "signal">;

/** Findings that are kept; the rest is counted. */
const MAX_FINDINGS = 1_000;

/**
 * Checks every record against the rules of events.
 * @param inputs files and directories as absolute paths, or `-`
 * @param expected types of events of which each service must have written one at least
 * @throws FleetsecError `input`, `not-found` on inputs that cannot be read, or with a line over 1 MiB
 */
export async function lintLogs(
  inputs: readonly string[],
  parts: LintParts,
  expected: ExpectedEvents = {},
): Promise<LintResult> {
  const { paths, skipped } = expandInputs(parts.files, inputs);
  const findings: LintFinding[] = [];
  const seen = watchEvents(expected);
  let [records, bytes, faults] = [0, 0, 0];
  for (const path of paths) {
    bytes += await eachRecord(path, parts, (record, line) => {
      records += 1;
      const { event, faults: found } = lintRecord(record);
      seen.note(event);
      for (const fault of found) {
        faults += 1;
        if (findings.length < MAX_FINDINGS) findings.push({ ...fault, file: path, line });
      }
    });
  }
  const checked = { files: paths.length, records, bytes };
  const missing = seen.missing();
  // nothing to check is not all in order
  return {
    ok: records > 0 && faults === 0 && missing.length === 0,
    checked,
    faults,
    findings,
    missing,
    skipped,
  };
}

/** Strikes off what is expected as it comes. */
function watchEvents(expected: ExpectedEvents): {
  note(event: Event | undefined): void;
  missing(): MissingEvents[];
} {
  const left = new Map(
    Object.entries(expected).map(([service, types]) => [service, new Set<unknown>(types)]),
  );
  return {
    note(event) {
      if (typeof event?.["service"] === "string") left.get(event["service"])?.delete(event["event_type"]);
    },
    missing: () =>
      [...left].flatMap(([service, types]) => {
        const never = eventTypes.filter((type) => types.has(type));
        return never.length === 0 ? [] : [{ service, eventTypes: never }];
      }),
  };
}
