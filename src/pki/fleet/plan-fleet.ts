import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { PkiSettings } from "../authority.ts";
import { generationPath } from "../generations.ts";
import type { InventoryEntry } from "../inventory.ts";
import type { IssueRecord } from "../inventory-line.ts";
import { newestValid, otherRole, recordedPath } from "../issue.ts";
import { currentCa, type Issuer, type Registry } from "../issuers/issuer.ts";
import type { KeyType } from "../keys.ts";
import { applyRules, type ApplyRule, type IssuePlan } from "../plan.ts";
import { isDue } from "../renew.ts";
import { formatSan, type Role } from "../roles.ts";
import { takenRefuser } from "../holders.ts";
import { identities } from "./identities.ts";
import { type Problems, problemsOf } from "./problems.ts";
import { distinct, type RosterRow } from "./roster.ts";

/** What the lines of a roster mean. */
export interface FleetRules {
  /** NAME/current/… of each goes there. */
  readonly directory: string;
  /** @throws FleetsecError where there is no role of that name */
  readonly role: (name: string) => Role;
  /** @throws FleetsecError where there is no such key type */
  readonly keyType: (text: string) => KeyType;
  /** Of rows that do not say. */
  readonly defaults: {
    readonly role: string | undefined;
    readonly ttl: number | undefined;
    readonly keyType: KeyType | undefined;
  };
}

/** A row by which every rule has been applied. */
export interface PlannedRow {
  readonly line: number;
  readonly plan: IssuePlan;
  /** Of NAME. */
  readonly directory: string;
}

/** Plans a row, or has `apply` keep each refusal and gives undefined. It says the same of a row at any time. */
type PlanRow = (row: RosterRow, apply: ApplyRule) => PlannedRow | undefined;

/**
 * What applies the rules to a row.
 * @param now milliseconds since the epoch
 */
export function fleetPlanner(
  { directory, role, keyType, defaults }: FleetRules,
  issuer: Issuer,
  settings: PkiSettings,
  now: number,
): PlanRow {
  const ca = currentCa(issuer);
  // one object for all rows of a role: what goes to another thread has it once
  const roles = new Map<string, Role>();
  const roleNamed = (name: string): Role => {
    const known = roles.get(name) ?? role(name);
    roles.set(name, known);
    return known;
  };
  return (row, apply) => {
    const named = apply(() => roleNamed(roleOf(row, defaults.role)));
    const type = apply(() => ({ is: row.keyType === undefined ? defaults.keyType : keyType(row.keyType) }));
    // the key type is refused already: one that the role has anyway breaks no further rule
    const { name, sans, attributes, ttl = defaults.ttl } = row;
    const plan =
      named &&
      applyRules(
        { name, role: named, ttl, sans, keyType: type?.is, attributes },
        { settings, ca, now },
        apply,
      );
    if (plan === undefined || type === undefined) return undefined;
    return { line: row.line, plan, directory: join(directory, plan.name) };
  };
}

/** The plan of a row by which no rule is broken. @throws FleetsecError by the first rule that is */
export function planned(planRow: PlanRow, row: RosterRow): PlannedRow {
  const plan = planRow(row, (rule) => rule());
  if (plan === undefined) throw new Error("a refusal was not thrown");
  return plan;
}

/**
 * Applies the rules to a whole roster before anything is written.
 * @param now milliseconds since the epoch
 * @param rows reads them, and says what is wrong with a line to what it is given
 * @returns how many rows there are
 * @throws FleetsecError `input` with every line that is wrong or refused
 */
export async function checkFleet(
  rows: (problems: Problems) => AsyncIterable<RosterRow>,
  planRow: PlanRow,
  issuer: Issuer,
  now: number,
  problems: Problems,
): Promise<number> {
  const asked = identities(problems);
  const refuseTaken = takenRefuser(issuer, now);
  let count = 0;
  for await (const row of distinct(rows(problems), problems)) {
    const apply: ApplyRule = (rule) => problems.collect(row.line, rule);
    const made = planRow(row, apply);
    apply(() => refuseRevoked(issuer, row.name));
    if (made !== undefined) {
      const { name, names } = made.plan;
      apply(() => refuseOtherRole(issuer, made.plan, now));
      apply(() => refuseTaken({ name, sans: names.map(formatSan) }));
      asked.add(row, made.plan);
    }
    count += 1;
  }
  // what is wrong with the lines is known by now
  const known = problemsOf("");
  await asked.compare(
    () => rows(known),
    (row) => planRow(row, (rule) => known.collect(row.line, rule)),
  );
  problems.throwAny();
  return count;
}

function roleOf(row: RosterRow, otherwise: string | undefined): string {
  const role = row.role ?? otherwise;
  if (role !== undefined) return role;
  throw new FleetsecError("usage", "it has no role", { hint: "add one to the line, or give --role" });
}

/** As one `cert issue` does. */
function refuseOtherRole(registry: Registry, { name, role }: IssuePlan, now: number): void {
  const valid = newestValid(registry, name, now);
  if (valid !== undefined && valid.role !== role.name) throw otherRole(valid);
}

/** Here only: a roster is run again without a look at each line. */
function refuseRevoked(registry: Registry, name: string): void {
  const revoked = newestStored(registry, name)?.revoked;
  if (revoked === undefined) return;
  throw new FleetsecError("refused", `${name} was revoked (${revoked.reason})`, {
    hint: "leave it out, or once the reason is dealt with run fleetsec cert issue for it",
  });
}

function newestStored({ inventory }: Registry, name: string): InventoryEntry | undefined {
  return inventory.newest(name, ({ issued }) => issued.files !== undefined);
}

/**
 * What a row asks for where it is there already and not due for renewal: after a kill, and in every
 * run of the same roster, nothing is issued twice.
 */
export function alreadyIssued(
  files: Files,
  registry: Registry,
  { plan, directory }: PlannedRow,
  now: number,
): IssueRecord | undefined {
  const record = newestValid(registry, plan.name, now);
  if (record?.files === undefined || !isAsPlanned(record, plan)) return undefined;
  if (record.files.directory !== recordedPath(registry, directory) || isRecordDue(record, now))
    return undefined;
  return files.kind(generationPath(directory, record.files.generation)) === undefined ? undefined : record;
}

function isAsPlanned(record: IssueRecord, plan: IssuePlan): boolean {
  const of = ({ ttl, keyType, attributes }: IssuePlan | IssueRecord) => [ttl, keyType, attributes ?? {}];
  return (
    record.role === plan.role.name &&
    JSON.stringify(record.sans) === JSON.stringify(plan.names.map(formatSan)) &&
    JSON.stringify(of(record)) === JSON.stringify(of(plan))
  );
}

function isRecordDue({ serial, notBefore, notAfter }: IssueRecord, now: number): boolean {
  return isDue({ serial, notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter) }, now);
}
