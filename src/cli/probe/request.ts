import { FleetsecError } from "../../errors.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { Attack } from "../../probe/attack.ts";
import { attackNamed, attacks as battery } from "../../probe/attacks.ts";
import { partOf } from "../../probe/merge.ts";
import { isSafe } from "../../probe/methods.ts";
import type { Expanded } from "../../probe/openapi/operations.ts";
import type { Shard } from "../../probe/result.ts";
import type { ProbeRequest } from "../../probe/run.ts";
import { type Expectation, parseTarget, type Target } from "../../probe/target.ts";
import type { Cli } from "../command.ts";
import { version } from "../package-files.ts";
import { findProject } from "../project.ts";
import { type ProbeFlags, withConfigured } from "./flags.ts";
import { placedTargets, withSiblings } from "./hosts.ts";
import { identitiesFor } from "./identities.ts";
import { openApiTargets } from "./openapi.ts";

/** What is to be probed, and which part of all targets that is, where they are split. */
export interface PlannedProbe {
  readonly request: ProbeRequest;
  readonly shard: Shard | undefined;
}

/** A probe out of flags and configuration; every fault of theirs is found before the first connection. */
export async function probeRequest(
  cli: Cli,
  args: readonly string[],
  flags: ProbeFlags,
): Promise<PlannedProbe> {
  const project = findProject(cli);
  const settings = project?.config.probe;
  const { targets: fromAttack, ids: wanted } = splitIds(flags.attack);
  const { targets: fromSkip, ids: unwanted } = splitIds(flags.skip);
  const { targets: fromRequire, ids: required } = splitIds(flags.require);
  const named = [...args, ...fromAttack, ...fromSkip, ...fromRequire];
  const { targets: listed, leftOut } = targetsOf(cli, named, flags, project);
  const isConfigured = named.length === 0 && flags.openapi === undefined;
  const placed = placedTargets(listed, flags, project, isConfigured);
  const attacks = requiring(selectAttacks(wanted, unwanted), [...(settings?.require ?? []), ...required]);
  const timeout = flags.timeout === undefined ? settings?.timeout : secondsOf(flags.timeout);
  const concurrency = flags.concurrency === undefined ? settings?.concurrency : countOf(flags.concurrency);
  const shard = shardOf(flags.shard, placed.targets);
  // a port that is a target of another shard is no sibling either
  const { targets, addresses } = withSiblings(placed, flags, project);
  const request = {
    ...split(targets, shard),
    addresses,
    leftOut,
    attacks,
    version: version(),
    ...(await identitiesFor(cli, withConfigured(flags, project))),
    canary: canaryOf(flags.canary) ?? settings?.canary,
    timeout: timeout === undefined ? undefined : timeout * 1000,
    concurrency,
    delay: 1000 * (flags.delay === undefined ? (settings?.delay ?? 0) : delayOf(flags.delay)),
  };
  return { request, shard };
}

/** One part of all targets. A part without any would pass without having looked at anything. */
function shardOf(text: string | undefined, targets: readonly Target[]): Shard | undefined {
  if (text === undefined) return undefined;
  const [, index = 0, count = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > count) {
    throw new FleetsecError("usage", `--shard is not I/N: ${text}`, {
      hint: "write it as --shard 2/5 for the second of five parts",
    });
  }
  if (count > targets.length) {
    throw new FleetsecError("usage", `${targets.length} targets cannot be split into ${count} shards`, {
      hint: `use at most ${targets.length}`,
    });
  }
  return { index, count, targets: targets.map(({ url }) => url) };
}

/** What is judged, and what is of other shards; a sibling port is with its target. */
function split(
  targets: readonly Target[],
  shard: Shard | undefined,
): Pick<ProbeRequest, "targets" | "elsewhere"> {
  if (shard === undefined) return { targets, elsewhere: [] };
  const part = new Set(partOf(shard.targets, shard));
  const isOurs = ({ url, siblingOf = url }: Target) => part.has(siblingOf);
  return { targets: targets.filter(isOurs), elsewhere: targets.filter((one) => !isOurs(one)) };
}

/** `--attack ID… TARGET`: an option that takes several values takes the targets behind it too. */
function splitIds(values: readonly string[] = []): {
  readonly targets: readonly string[];
  readonly ids: readonly string[];
} {
  const isTarget = (value: string) => value.includes("://");
  return {
    targets: values.filter(isTarget),
    ids: values.filter((value) => !isTarget(value)).flatMap((value) => value.split(",")),
  };
}

/** What is named on the command line, in URLs or in a document; otherwise what the configuration names. */
function targetsOf(
  cli: Cli,
  named: readonly string[],
  flags: ProbeFlags,
  project: LoadedConfig | undefined,
): Expanded {
  const settings = project?.config.probe;
  const fromConfig = named.length === 0 && flags.openapi === undefined;
  const expectations = settings?.expectations ?? [];
  const texts = fromConfig
    ? [...(settings?.targets ?? []), ...expectations.map(({ target }) => target)]
    : named;
  const listed = [...new Set(texts)].map(parseTarget);
  const unsafe = listed.find(({ method }) => !isSafe(method));
  const unsafeMethods = flags.allowUnsafeMethods ?? settings?.allow_unsafe_methods ?? false;
  if (unsafe !== undefined && !unsafeMethods) {
    throw new FleetsecError("usage", `${unsafe.url}: ${unsafe.method} may change something`, {
      hint: "say --allow-unsafe-methods where that does no harm",
    });
  }
  const { targets, leftOut } = openApiTargets(cli, flags, project, fromConfig);
  const all = [...listed, ...targets.filter(({ url }) => !texts.includes(url))].map((target) => ({
    ...target,
    unsafeMethods,
    expected: expectations.filter((one) => one.target === target.url).flatMap(expectedIn),
  }));
  if (all.length === 0) {
    throw new FleetsecError("usage", "there is nothing to probe", {
      problems: leftOut.map(({ target, reason }) => `${target}: ${reason}`),
      hint: "name a target such as https://gateway.example:8443/, or set probe.targets in the configuration",
    });
  }
  return { targets: all, leftOut };
}

function expectedIn({
  allowed,
  denied,
}: LoadedConfig["config"]["probe"]["expectations"][number]): Expectation[] {
  return [
    ...allowed.map((role) => ({ role, outcome: "allowed" as const })),
    ...denied.map((role) => ({ role, outcome: "denied" as const })),
  ];
}

function selectAttacks(wanted: readonly string[], unwanted: readonly string[]): Attack[] {
  const only = wanted.map(attackNamed);
  const without = unwanted.map(attackNamed);
  const selected = battery.filter(
    (attack) => (only.length === 0 || only.includes(attack)) && !without.includes(attack),
  );
  if (selected.length > 0) return selected;
  throw new FleetsecError("usage", "no attack is left to run", { hint: "skip fewer attacks" });
}

/** Attacks that are only reported become a part of the verdict where the user says so. */
function requiring(selected: readonly Attack[], ids: readonly string[]): Attack[] {
  const required = new Set(ids.map((id) => attackNamed(id).id));
  return selected.map((attack) =>
    attack.weight === "reported" && required.has(attack.id) ? { ...attack, weight: "required" } : attack,
  );
}

function secondsOf(text: string): number {
  const seconds = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds >= 0.1 && seconds <= 600) return seconds;
  throw new FleetsecError("usage", `--timeout is not a number of seconds: ${text}`, {
    hint: "give 0.1 to 600 seconds, such as --timeout 5",
  });
}

function delayOf(text: string): number {
  const seconds = /^\d{1,2}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= 60) return seconds;
  throw new FleetsecError("usage", `--delay is not a number of seconds: ${text}`, {
    hint: "give 0 to 60 seconds, such as --delay 0.2 for five connections a second at most",
  });
}

function countOf(text: string): number {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= 64) return count;
  throw new FleetsecError("usage", `--concurrency is not a number from 1 to 64: ${text}`);
}

function canaryOf(text: string | undefined): string | undefined {
  if (text !== "") return text;
  throw new FleetsecError("usage", "--canary is empty", {
    hint: "give text that only an accepted client sees",
  });
}
