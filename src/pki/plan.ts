import { formatDuration } from "../duration.ts";
import { FleetsecError } from "../errors.ts";
import type { CaGeneration, PkiSettings } from "./authority.ts";
import { notBegun } from "./ca-chain.ts";
import { refuseConstrained } from "./constrained.ts";
import type { GeneralName } from "./general-name.ts";
import type { Attributes } from "./inventory-line.ts";
import type { AnyKeyType, KeyType } from "./keys.ts";
import { checkName, defaultNames, formatSan, refusalError, refusalOf, type Role } from "./roles.ts";
import { isoTime } from "./verify/time.ts";

/** What is asked for. */
export interface IssueRequest {
  /** Common name, and directory of the files. */
  readonly name: string;
  readonly role: Role;
  /** Seconds; the role's `ttl` unless told. */
  readonly ttl?: number | undefined;
  /** Beside the names that the role gives by itself. */
  readonly sans?: readonly GeneralName[] | undefined;
  readonly keyType?: KeyType | undefined;
  readonly attributes?: Attributes | undefined;
}

/** What will be issued: every rule has been applied. */
export interface IssuePlan {
  readonly name: string;
  /** The `O` of the subject. */
  readonly organization: string;
  readonly role: Role;
  readonly ttl: number;
  readonly names: readonly GeneralName[];
  readonly keyType: KeyType;
  readonly attributes?: Attributes | undefined;
}

/** Applies a rule. Gives undefined where it was refused and the refusal is kept, to go on with other rules. */
export type ApplyRule = <T>(rule: () => T) => T | undefined;

/** What a request is held to: the project's settings, and the CA that will sign where it is its own. */
export interface IssueRules {
  readonly settings: PkiSettings;
  readonly ca: CaGeneration | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Applies the rules of a role and of the issuing CA to a request. Nothing is capped or left out in
 * silence: what a rule does not allow is refused, with the rule, the value and the way out.
 * @param ca that will sign, where it is the project's own
 * @param now milliseconds since the epoch
 * @throws FleetsecError `refused`, `usage` for a malformed name
 */
export function planIssue(
  request: IssueRequest,
  settings: PkiSettings,
  ca: CaGeneration | undefined,
  now: number,
): IssuePlan {
  const plan = applyRules(request, { settings, ca, now }, (rule) => rule());
  if (plan === undefined) throw new Error("a refusal was not thrown");
  return plan;
}

/** The same rules, each by `apply`: whoever keeps the refusals has all of them. Undefined where there is any. */
export function applyRules(
  request: IssueRequest,
  { settings, ca, now }: IssueRules,
  apply: ApplyRule,
): IssuePlan | undefined {
  const { name, role, ttl = role.ttl, sans = [], attributes } = request;
  const checkConstraints = (names: readonly GeneralName[]) =>
    ca === undefined || refuseConstrained({ name, names, role }, settings, ca);
  const held = <T>(rule: () => T) => apply(() => ({ value: rule() }));
  const isNamed = held(() => checkName(name));
  const isShort = held(() => checkMaxTtl(role, ttl));
  const isWithinCa = held(() => ca === undefined || checkCaPeriod(ca, ttl, now));
  const areAllowed = !sans.map((san) => held(() => checkSan(role, san))).includes(undefined);
  const names = isNamed && held(() => namesOf(request, settings.trustDomain));
  // a name that the role does not allow is no matter for the CA
  const isConstrained = !(areAllowed && names && held(() => checkConstraints(names.value)));
  const keyType = held(() => keyTypeFor(request, settings));
  if (!isShort || !isWithinCa || isConstrained || !names || !keyType) return undefined;
  const { organization } = settings;
  return { name, organization, role, ttl, names: names.value, keyType: keyType.value, attributes };
}

function keyTypeFor({ role, keyType }: IssueRequest, settings: PkiSettings): KeyType {
  const [first] = role.keyTypes;
  const chosen = keyType ?? (role.keyTypes.includes(settings.keyType) ? settings.keyType : first);
  if (chosen !== undefined && role.keyTypes.includes(chosen)) return chosen;
  throw keyTypeRefused(role, chosen ?? settings.keyType);
}

export function keyTypeRefused(role: Role, keyType: AnyKeyType): FleetsecError {
  return new FleetsecError("refused", `role ${role.name} does not allow ${keyType} keys`, {
    hint: `allowed by pki.roles.${role.name}.key_types: ${role.keyTypes.join(", ")}`,
  });
}

function checkMaxTtl(role: Role, ttl: number): void {
  if (ttl <= role.maxTtl) return;
  const most = formatDuration(role.maxTtl);
  throw new FleetsecError(
    "refused",
    `role ${role.name} allows a lifetime of ${most} at most, ${formatDuration(ttl)} is asked for`,
    { hint: `ask for ${most} or less, or raise pki.roles.${role.name}.max_ttl` },
  );
}

function checkCaPeriod(ca: CaGeneration, ttl: number, now: number): void {
  const early = notBegun(ca, now);
  if (early !== undefined) throw early;
  const { issuing } = ca;
  const left = Math.floor((issuing.notAfter - now) / 1000);
  if (ttl <= left) return;
  const end = isoTime(issuing.notAfter);
  throw new FleetsecError(
    "refused",
    `the issuing CA ends at ${end}, before a lifetime of ${formatDuration(ttl)} does`,
    {
      hint: left > 0 ? `ask for at most ${left}s, or rotate the CA` : "rotate the CA",
    },
  );
}

function checkSan(role: Role, san: GeneralName): void {
  const refusal = refusalOf(role, san);
  if (refusal !== undefined) throw refusalError(refusal);
}

function namesOf({ name, role, sans = [] }: IssueRequest, trustDomain: string): GeneralName[] {
  const uris = new Set(sans.filter(({ type }) => type === "uri").map(formatSan));
  if (uris.size > 1) {
    // X.509-SVID, section 2
    throw new FleetsecError("refused", `a certificate has one URI, ${uris.size} are asked for`, {
      hint: "issue one certificate for each SPIFFE ID",
    });
  }
  const defaults = defaultNames(role, name, trustDomain).filter(
    ({ type }) => type !== "uri" || uris.size === 0,
  );
  const names = new Map([...defaults, ...sans].map((san) => [formatSan(san), san]));
  if (names.size > 0) {
    const order = ["dns", "ip", "uri"];
    return [...names.values()].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
  }
  throw new FleetsecError("refused", `role ${role.name} gives no name to ${name}`, {
    hint: `ask for one with --san, or add to pki.roles.${role.name}.allowed_domains`,
  });
}
