import type { IssuePlan } from "../plan.ts";
import { formatSan } from "../roles.ts";
import type { PlannedRow } from "./plan-fleet.ts";
import type { Problems } from "./problems.ts";
import type { RosterRow } from "./roster.ts";

/** Identities that lines of a roster ask for by themselves, beside those that follow from their names. */
export interface Identities {
  /** Takes a row in; one that another row asked for before is a problem. */
  add(row: RosterRow, plan: IssuePlan): void;
  /** Holds the other rows that can be planned to what was asked for; reads them only where there is any. */
  compare(
    rows: () => AsyncIterable<RosterRow>,
    planOf: (row: RosterRow) => PlannedRow | undefined,
  ): Promise<void>;
}

/**
 * Two certificates must not speak for one holder. Only what lines ask for is held in memory: names
 * are distinct, and so is what is made of them alone.
 */
export function identities(problems: Problems): Identities {
  const lines = new Map<string, number>();
  const clash = (identity: string, a: number, b: number) =>
    problems.add(Math.max(a, b), `${identity} is on line ${Math.min(a, b)} already`);
  return {
    add(row, plan) {
      if (!asksForItself(row)) return;
      for (const identity of identitiesOf(plan)) {
        const before = lines.get(identity);
        if (before === undefined) lines.set(identity, row.line);
        else clash(identity, before, row.line);
      }
    },
    async compare(rows, planOf) {
      if (lines.size === 0) return;
      for await (const row of rows()) {
        if (asksForItself(row)) continue;
        const planned = planOf(row);
        for (const identity of planned === undefined ? [] : identitiesOf(planned.plan)) {
          const other = lines.get(identity);
          if (other !== undefined) clash(identity, other, row.line);
        }
      }
    },
  };
}

/** By `sans`, or by a name with dots: that is its DNS name where another's is one label with a domain behind. */
function asksForItself({ sans, name }: RosterRow): boolean {
  return sans.length > 0 || name.includes(".");
}

/** Services share a DNS name where several gateways serve it; nobody shares a URI, which is who the holder is. */
function identitiesOf({ names, role }: IssuePlan): string[] {
  const isServer = role.usages.includes("server");
  return names
    .filter(({ type }) => type === "uri" || (type === "dns" && !isServer))
    .map((san) => formatSan(san));
}
