import { join } from "node:path";
import type { FleetOutcome } from "../pki/fleet/batch.ts";
import type { IssuedFleet } from "../pki/fleet/issue-fleet.ts";
import { escapeText } from "./escape.ts";
import { blocksOf, jsonWithList } from "./pieces.ts";
import { table } from "./table.ts";

/** What `cert issue --from` has done. */
export interface FleetReport extends IssuedFleet {
  /** Absolute. */
  readonly directory: string;
}

/** The JSON document, in pieces. */
export function fleetJson({ directory, issued, kept, outcomes }: FleetReport): Iterable<string> {
  const head = { schema: "fleetsec.cert-issue-fleet/v1", directory, issued, kept };
  return blocksOf(jsonWithList(head, "certificates", certificatesOf(directory, outcomes)));
}

function* certificatesOf(directory: string, outcomes: Iterable<FleetOutcome>): Generator<object> {
  for (const { line, status, record } of outcomes) {
    yield {
      line,
      name: record.name,
      status,
      serial: record.serial,
      role: record.role,
      notBefore: record.notBefore,
      notAfter: record.notAfter,
      sans: record.sans,
      ...(record.attributes === undefined ? {} : { attributes: record.attributes }),
      current: join(directory, record.name, "current"),
    };
  }
}

const COLUMNS = ["line", "name", "status", "serial", "role", "not_before", "not_after", "sans", "current"];

/** The same as CSV (RFC 4180), without the attributes, which are the reader's own. */
export function fleetCsv({ directory, outcomes }: FleetReport): Iterable<string> {
  return blocksOf(csvLines(directory, outcomes));
}

function* csvLines(directory: string, outcomes: Iterable<FleetOutcome>): Generator<string> {
  yield csvLine(COLUMNS);
  for (const { line, status, record } of outcomes) {
    yield csvLine([
      String(line),
      record.name,
      status,
      record.serial,
      record.role,
      record.notBefore,
      record.notAfter,
      record.sans.join(" "),
      join(directory, record.name, "current"),
    ]);
  }
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A row for each role. */
export function fleetTable({ outcomes }: FleetReport, columns: number): string {
  const roles = new Map<string, { issued: number; kept: number; ends: string }>();
  for (const { status, record } of outcomes) {
    const role = roles.get(record.role) ?? { issued: 0, kept: 0, ends: record.notAfter };
    role[status] += 1;
    if (record.notAfter < role.ends) role.ends = record.notAfter;
    roles.set(record.role, role);
  }
  const rows = [...roles].map(([name, { issued, kept, ends }]) => [
    escapeText(name),
    String(issued),
    String(kept),
    ends,
  ]);
  return table([["ROLE", "ISSUED", "KEPT", "FIRST ENDS"], ...rows], columns);
}
