import { FleetsecError } from "../errors.ts";
import {
  type AttackResult,
  type BaselineEntry,
  type EndpointResult,
  type ProbeResult,
  standingOf,
} from "./result.ts";
import { parseTarget } from "./target.ts";

/**
 * Entries with their targets as the result names them: a URL may be written in several ways, without its last
 * slash or its usual port, or with the host in capitals.
 */
export function spelledAsProbed(
  entries: readonly BaselineEntry[],
  { endpoints }: Pick<ProbeResult, "endpoints">,
): BaselineEntry[] {
  const exact = new Set(endpoints.map(({ target }) => target));
  const probed = new Map([...exact].map((target) => [meaningOf(target), target]));
  return entries.map((entry) => {
    const { target } = entry;
    return exact.has(target) ? entry : { ...entry, target: probed.get(meaningOf(target)) ?? target };
  });
}

/** The same for all spellings of a target. A joined document may name any text. */
function meaningOf(text: string): string {
  try {
    const { scheme, host, port, method, path } = parseTarget(text);
    return JSON.stringify([scheme, host, port, method, path]);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "usage") return text;
    throw error;
  }
}

/**
 * Marks the bypasses that a baseline accepts. Nothing else is touched: verdicts stay, and what is
 * inconclusive stays so.
 * @param now in milliseconds since the epoch
 */
export function applyBaseline(
  result: ProbeResult,
  entries: readonly BaselineEntry[],
  now: number,
): ProbeResult {
  const today = new Date(now).toISOString().slice(0, 10);
  const current = entries.filter(({ expires }) => expires >= today);
  const endpoints = result.endpoints.map((endpoint) => ({
    ...endpoint,
    attacks: endpoint.attacks.map((attack) => tolerate(endpoint, attack, current)),
  }));
  const held = {
    ...result,
    endpoints,
    baseline: {
      expired: entries.filter((entry) => !current.includes(entry)),
      unused: current.filter((entry) => isUnused(entry, endpoints)),
    },
  };
  return { ...held, ok: standingOf(held) === "passed" };
}

/**
 * Without what an earlier run's baseline accepted until a day that is over: it has no effect any more, whoever
 * reads the result.
 * @param now in milliseconds since the epoch
 */
export function withoutExpired(result: ProbeResult, now: number): ProbeResult {
  const today = new Date(now).toISOString().slice(0, 10);
  const over: BaselineEntry[] = [];
  const endpoints = result.endpoints.map((endpoint) => ({
    ...endpoint,
    attacks: endpoint.attacks.map(({ tolerated, ...attack }) => {
      if (tolerated === undefined) return attack;
      if (tolerated.expires >= today) return { ...attack, tolerated };
      const { id, tls } = attack;
      over.push({ attack: id, target: endpoint.target, ...(tls === null ? {} : { tls }), ...tolerated });
      return attack;
    }),
  }));
  if (over.length === 0) return result;
  const { expired = [], unused = [] } = result.baseline ?? {};
  const left = { ...result, endpoints, baseline: { expired: [...expired, ...over], unused } };
  return { ...left, ok: standingOf(left) === "passed" };
}

function tolerate(
  endpoint: EndpointResult,
  attack: AttackResult,
  entries: readonly BaselineEntry[],
): AttackResult {
  // what an earlier baseline tolerated does not count here
  const { tolerated: _, ...plain } = attack;
  if (plain.outcome !== "accepted" || plain.reportedOnly) return plain;
  const entry = entries.find((candidate) => concerns(candidate, endpoint, plain));
  return entry === undefined
    ? plain
    : { ...plain, tolerated: { expires: entry.expires, reason: entry.reason } };
}

function concerns(entry: BaselineEntry, { target }: EndpointResult, { id, tls }: AttackResult): boolean {
  return entry.target === target && entry.attack === id && (entry.tls === undefined || entry.tls === tls);
}

/** Whether what it stands for is mended. What was left out, or is unclear, tells nothing. */
function isUnused(entry: BaselineEntry, endpoints: readonly EndpointResult[]): boolean {
  const results = endpoints.flatMap((endpoint) =>
    endpoint.attacks.filter((attack) => concerns(entry, endpoint, attack)),
  );
  if (results.length === 0) return false;
  return results.every(({ outcome }) => outcome === "refused" || outcome === "not-applicable");
}

/**
 * The entries that accept every bypass of a result that no baseline accepts yet. The reasons are
 * empty, and a file with an empty reason is refused: a person has to fill them in.
 */
export function entriesFor({ endpoints }: ProbeResult, expires: string): BaselineEntry[] {
  const found = new Map<string, BaselineEntry>();
  for (const { target, attacks } of endpoints) {
    for (const { id, tls, outcome, reportedOnly, tolerated } of attacks) {
      if (outcome !== "accepted" || reportedOnly || tolerated !== undefined) continue;
      const entry = { attack: id, target, ...(tls === null ? {} : { tls }), expires, reason: "" };
      found.set(JSON.stringify([id, target, tls]), entry);
    }
  }
  return [...found.values()];
}
