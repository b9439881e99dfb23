import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../errors.ts";
import type { Attack } from "./attack.ts";
import { attacks as battery } from "./attacks.ts";
import {
  type AttackResult,
  type BaselineEntry,
  type EndpointResult,
  isUnselected,
  type ProbeResult,
  type Selection,
  type Shard,
  standingOf,
  summaryOf,
  toldVersion,
} from "./result.ts";
import { differences } from "./selection.ts";

/** A result and what to call it in messages. */
export interface NamedResult {
  readonly name: string;
  readonly result: ProbeResult;
}

/** The items of one of `count` parts (1-based): neighbours stay together, and no part is much larger. */
export function partOf<T>(items: readonly T[], { index, count }: Pick<Shard, "index" | "count">): T[] {
  const at = (part: number) => Math.floor((part * items.length) / count);
  return items.slice(at(index - 1), at(index));
}

/**
 * One result out of several. Parts of one split are held to what the others say of it; those that
 * are not there are listed, and leave the whole unestablished.
 * @throws FleetsecError `input` for results that contradict themselves or one another
 */
export function mergeResults(parts: readonly NamedResult[]): ProbeResult {
  for (const part of parts) checkConsistent(part);
  const missing = missingShards(parts);
  const selection = commonSelection(parts);
  refuseDuplicates(parts);
  const results = parts.map(({ result }) => result);
  const endpoints = results.flatMap((result) => result.endpoints);
  const merged = {
    summary: summaryOf(endpoints),
    endpoints,
    unreachable: results.flatMap(({ unreachable }) => unreachable),
    // every shard says the same of them
    leftOut: unique(results.flatMap(({ leftOut = [] }) => leftOut)),
    interrupted: results.some(({ interrupted }) => interrupted),
    ...(results.some(({ baseline }) => baseline !== undefined) ? { baseline: joinedBaseline(results) } : {}),
    missing,
    ...(selection === undefined ? {} : { selection }),
  };
  return { ok: standingOf({ ok: false, ...merged }) === "passed", ...merged };
}

/**
 * The verdict must be the one that the attacks make, and the attacks those that were selected: a document that
 * was edited is not to be relied on.
 */
function checkConsistent({ name, result }: NamedResult): void {
  const { ok, summary, endpoints, selection } = result;
  const ids = endpoints.flatMap(({ attacks }) => attacks.map(({ id }) => id));
  const unknown = ids.find((id) => !WEIGHTS.has(id));
  if (unknown !== undefined) {
    throw new FleetsecError("input", `${name} tells of an attack that there is not: ${unknown}`, {
      hint: "join documents with the version of fleetsec that made them",
    });
  }
  const contradictory = (about: string) =>
    new FleetsecError("input", `${name} contradicts itself about ${about}`, { hint: AS_WRITTEN });
  const fault = endpoints.find((endpoint) => !isConsistent(endpoint) || !isAsSelected(endpoint, selection));
  if (fault !== undefined) throw contradictory(fault.target);
  // a run has a target, and a target an endpoint, interrupted or not
  if (endpoints.length === 0) {
    throw new FleetsecError("input", `${name} looked at nothing: it has no endpoint`, { hint: AS_WRITTEN });
  }
  if (!isDeepStrictEqual({ ...summary }, summaryOf(endpoints)))
    throw contradictory("how many have which verdict");
  if (ok !== (standingOf(result) === "passed")) throw contradictory("whether it is ok");
}

const AS_WRITTEN = "take the document as fleetsec probe --json or --report json= wrote it";

const WEIGHTS = new Map(battery.map(({ id, weight }) => [id, weight]));

/** What is only reported is not for the document to say; what was tried is told twice, and on every version. */
function isAsSelected({ attacks }: EndpointResult, selection: Selection | undefined): boolean {
  if (attacks.some(({ id, reportedOnly }) => reportedOnly && WEIGHTS.get(id) !== "reported")) return false;
  if (selection === undefined) return true;
  const wanted = battery.filter(({ id }) => selection.attacks.includes(id));
  const isTold = ({ id, versions }: Attack) =>
    versions.every((version) => attacks.some((one) => one.id === id && one.tls === toldVersion(version)));
  return (
    attacks.every((one) => isUnselected(one) !== selection.attacks.includes(one.id)) && wanted.every(isTold)
  );
}

function isConsistent({ verdict, reasons, control, attacks, doubts }: EndpointResult): boolean {
  const bypassed = attacks.some(({ outcome, reportedOnly }) => outcome === "accepted" && !reportedOnly);
  switch (verdict) {
    case "bypassed":
      return bypassed && reasons.length > 0;
    case "inconclusive":
      return !bypassed && doubts.length > 0 && isDeepStrictEqual(reasons, doubts);
    case "enforced":
      return !bypassed && reasons.length + doubts.length === 0 && isShown({ control, attacks });
  }
}

/** Nothing is enforced where no valid client was served, no attack settled, or an essential one was not made. */
function isShown({ control, attacks }: Pick<EndpointResult, "control" | "attacks">): boolean {
  const served = control.filter(({ outcome }) => outcome === "accepted").map(({ tls }) => tls);
  const isGap = ({ id, tls, outcome }: AttackResult) =>
    WEIGHTS.get(id) === "essential" &&
    served.some((version) => version === tls) &&
    (outcome === "not-applicable" || outcome === "not-run");
  return (
    served.length > 0 &&
    attacks.some(({ outcome }) => outcome === "refused" || outcome === "not-applicable") &&
    !attacks.some(isGap)
  );
}

function missingShards(parts: readonly NamedResult[]): Shard[] {
  const earlier = parts.flatMap(({ result }) => result.missing ?? []);
  const shards = parts.flatMap(({ result }) => result.shard ?? []);
  const [first] = shards;
  if (first === undefined) return earlier;
  if (shards.length < parts.length) {
    throw new FleetsecError("input", "some of the documents are shards, and some are not");
  }
  const same = ({ count, targets }: Shard) => JSON.stringify([count, targets]);
  for (const { name, result } of parts) {
    const { shard } = result;
    if (shard === undefined || same(shard) !== same(first)) {
      throw new FleetsecError("input", `${name} is a part of another split`, {
        hint: "give every job the same configuration, targets and number of shards",
      });
    }
    checkShard(name, result.endpoints, shard);
  }
  const { count, targets } = first;
  const there = new Set(shards.map(({ index }) => index));
  const wanted = Array.from({ length: count }, (_, i) => i + 1);
  return [
    ...earlier,
    ...wanted
      .filter((index) => !there.has(index))
      .map((index) => ({ index, count, targets: partOf(targets, { index, count }) })),
  ];
}

/** A shard holds its own targets, with their sibling ports, all of them and no other. */
function checkShard(name: string, endpoints: readonly EndpointResult[], shard: Shard): void {
  const own = new Set(partOf(shard.targets, shard));
  const found = new Set(endpoints.map(({ target, siblingOf = target }) => siblingOf));
  if (
    shard.index <= shard.count &&
    own.size === found.size &&
    [...own].every((target) => found.has(target))
  ) {
    return;
  }
  throw new FleetsecError(
    "input",
    `${name} does not hold the targets of shard ${shard.index}/${shard.count}`,
  );
}

/**
 * What all of them were asked to try; undefined where that differs, which each endpoint's attacks tell.
 * Parts of one split stand for one run: what a part was not asked for would be taken as tried.
 */
function commonSelection(parts: readonly NamedResult[]): Selection | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  const { selection } = first.result;
  const differing = parts.map(({ name, result }) =>
    selection === undefined || result.selection === undefined
      ? [`${result.selection === undefined ? name : first.name} does not say what it tried`]
      : differences([first.name, selection], [name, result.selection]),
  );
  const [problems] = differing.filter((one) => one.length > 0);
  if (problems === undefined) return selection;
  if (first.result.shard === undefined) return undefined;
  throw new FleetsecError("input", "the shards were not asked to try the same", {
    problems,
    hint: "give every job the same flags and configuration, all but --shard",
  });
}

function refuseDuplicates(parts: readonly NamedResult[]): void {
  const seen = new Map<string, string>();
  for (const { name, result } of parts) {
    for (const { target, address } of result.endpoints) {
      const place = JSON.stringify([target, address]);
      const other = seen.get(place);
      if (other !== undefined) {
        throw new FleetsecError("input", `${target} at ${address} is in ${other} and in ${name}`, {
          hint: "name each document once",
        });
      }
      seen.set(place, name);
    }
  }
}

/** A target is in one part only, and so each part can tell which of its entries are not needed. */
function joinedBaseline(results: readonly ProbeResult[]): NonNullable<ProbeResult["baseline"]> {
  const all = (list: "expired" | "unused") =>
    unique(results.flatMap(({ baseline }): readonly BaselineEntry[] => baseline?.[list] ?? []));
  return { expired: all("expired"), unused: all("unused") };
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}
