import { join } from "node:path";
import type { FleetOutcome } from "../pki/fleet/batch.ts";
import { escapeText } from "./escape.ts";
import { table } from "./table.ts";

/** What `cert issue --from` has done. */
export interface FleetReport {
  /** Absolute. */
  readonly directory: string;
  readonly outcomes: readonly FleetOutcome[];
}

export function fleetDocument({ directory, outcomes }: FleetReport): object {
  const count = (status: FleetOutcome["status"]) => outcomes.filter((one) => one.status === status).length;
  return {
    schema: "fleetsec.cert-issue-fleet/v1",
    directory,
    issued: count("issued"),
    kept: count("kept"),
    certificates: outcomes.map(({ line, status, record }) => ({
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
    })),
  };
}

const COLUMNS = ["line", "name", "status", "serial", "role", "not_before", "not_after", "sans", "current"];

/** The same as CSV (RFC 4180), without the attributes, which are the reader's own. */
export function fleetCsv({ directory, outcomes }: FleetReport): string {
  const rows = outcomes.map(({ line, status, record }) => [
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
  return [COLUMNS, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
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
