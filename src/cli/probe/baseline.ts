import { resolve } from "node:path";
import type { BrokenRule } from "../../config/rules.ts";
import { FleetsecError } from "../../errors.ts";
import { attackNamed } from "../../probe/attacks.ts";
import { applyBaseline, entriesFor, spelledAsProbed, withoutExpired } from "../../probe/baseline.ts";
import type { BaselineEntry, ProbeResult } from "../../probe/result.ts";
import { parseTarget } from "../../probe/target.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";

export interface BaselineFlags {
  readonly baseline?: string;
  readonly writeBaseline?: string;
}

/** What a result is held to, read and checked before anything is probed. */
export interface HeldTo {
  /** Undefined where no baseline was named. */
  readonly entries: readonly BaselineEntry[] | undefined;
  /** Where a new one is to be written. */
  readonly into: string | undefined;
}

/** Days for which a new baseline accepts. */
const NEW_DAYS = 30;

/** @throws FleetsecError `config` or what reading throws; `exists` where a new baseline would replace a file */
export async function baselineOf(cli: Cli, flags: BaselineFlags): Promise<HeldTo> {
  const { files, cwd, clock } = cli.platform;
  const into = flags.writeBaseline === undefined ? undefined : resolve(cwd, flags.writeBaseline);
  if (into !== undefined && files.kind(into) !== undefined) {
    throw new FleetsecError("exists", `${into} is there already`, {
      hint: "name a new file, and move its entries over by hand",
    });
  }
  const project = findProject(cli);
  const configured = project?.config.probe.baseline;
  const path =
    flags.baseline !== undefined
      ? resolve(cwd, flags.baseline)
      : project !== undefined && configured !== undefined
        ? resolve(project.directory, configured)
        : undefined;
  if (path === undefined) return { entries: undefined, into };
  const { MAX_BASELINE_BYTES, parseBaseline } = await import("../../config/baseline.ts");
  const text = files.readText(path, MAX_BASELINE_BYTES);
  const entries = parseBaseline(text, path, clock.now(), ({ attack, target }) => [
    ...faultsOf("attack", () => attackNamed(attack)),
    ...faultsOf("target", () => parseTarget(target)),
  ]).map(({ tls, ...entry }) => ({ ...entry, ...(tls === undefined ? {} : { tls }) }));
  return { entries, into };
}

/** What is said of a value that cannot be read; the file and its line are told beside it. */
function faultsOf(key: string, read: () => unknown): BrokenRule[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    const { message, hint } = error;
    return [{ at: [key], message: hint === undefined ? message : `${message}: ${hint}` }];
  }
}

/** Marks what is accepted, tells of entries that are no longer right, and writes a new baseline if asked to. */
export async function holdTo(
  cli: Cli,
  { entries: written, into }: HeldTo,
  result: ProbeResult,
): Promise<ProbeResult> {
  const { platform, output } = cli;
  const entries = written && spelledAsProbed(written, result);
  const now = platform.clock.now();
  const held = entries === undefined ? withoutExpired(result, now) : applyBaseline(result, entries, now);
  const say = (entry: BaselineEntry, what: string) =>
    output.warn(`the baseline's entry for ${escapeText(`${entry.attack} at ${entry.target}`)} ${what}`);
  for (const entry of held.baseline?.expired ?? []) say(entry, `expired on ${entry.expires}`);
  for (const entry of held.baseline?.unused ?? []) say(entry, "is not needed any more");
  if (into !== undefined) {
    const { formatBaseline } = await import("../../config/baseline.ts");
    const expires = new Date(now + NEW_DAYS * 86_400_000).toISOString().slice(0, 10);
    const fresh = entriesFor(held, expires);
    const used = (entries ?? []).filter(
      (entry) =>
        held.baseline?.expired.includes(entry) !== true && held.baseline?.unused.includes(entry) !== true,
    );
    platform.files.write(into, formatBaseline([...used, ...fresh]), { exclusive: true });
    const count = fresh.length === 1 ? "1 new entry" : `${fresh.length} new entries`;
    output.note(`${count} in ${escapeText(into)}: fill in the reasons`);
  }
  return held;
}
