import { resolve } from "node:path";
import type { KeyType } from "../../pki/keys.ts";
import { fleetCsv, fleetJson, fleetTable } from "../../report/cert-issue-fleet.ts";
import { shown } from "../ca/output.ts";
import type { Cli } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { type PassphraseFlags, requirePki } from "../pki-project.ts";
import { wantedAmong } from "../reports.ts";
import { warnOfRootCrls } from "../root-crl.ts";
import { readStandardInput, STDIN } from "../standard-input.ts";

export interface FleetFlags extends PassphraseFlags {
  readonly from: string;
  readonly role?: string | undefined;
  readonly out?: string | undefined;
  readonly report?: readonly string[] | undefined;
}

/** What rows without these columns have. */
export interface FleetDefaults {
  readonly ttl: number | undefined;
  readonly keyType: KeyType | undefined;
  readonly keyTypeOf: (text: string) => KeyType;
}

/** `cert issue --from ROSTER`: everything is checked before the first certificate is made. */
export async function issueFromRoster(cli: Cli, flags: FleetFlags, defaults: FleetDefaults): Promise<void> {
  const { platform } = cli;
  const project = requirePki(cli);
  platform.saveMemory();
  const wanted = wantedAmong(["json", "csv"], cli, flags.report);
  const [
    { MAX_ROSTER, readRoster },
    { problemsOf },
    { checkFleet, fleetPlanner, planned },
    { issueFleet },
    { startMakers },
  ] = await Promise.all([
    import("../../pki/fleet/roster.ts"),
    import("../../pki/fleet/problems.ts"),
    import("../../pki/fleet/plan-fleet.ts"),
    import("../../pki/fleet/issue-fleet.ts"),
    import("../../pki/fleet/makers.ts"),
  ]);
  const what = flags.from === STDIN ? "the roster on standard input" : flags.from;
  const roster =
    flags.from === STDIN
      ? await readStandardInput(platform, MAX_ROSTER, what)
      : platform.files.read(resolve(platform.cwd, flags.from), MAX_ROSTER);
  const problems = problemsOf(what);
  // its bytes are held, and its rows read again where they are needed: as values they take ten times as much
  const rows = (found = problems) => readRoster(roster, what, found);
  const issuer = await openIssuer(cli, project, flags);
  const directory = flags.out === undefined ? issuer.layout.certificates : resolve(platform.cwd, flags.out);
  const rules = {
    directory,
    role: project.role,
    keyType: defaults.keyTypeOf,
    defaults: { role: flags.role, ttl: defaults.ttl, keyType: defaults.keyType },
  };
  const now = platform.clock.now();
  const planRow = fleetPlanner(rules, issuer, project.settings, now);
  const count = await checkFleet(rows, planRow, issuer, now, problems);
  const { makers, end } = await startMakers(platform, issuer, project.settings, count);
  try {
    const issued = await issueFleet(platform, issuer, project.settings, {
      rows: async function* () {
        for await (const row of rows()) yield planned(planRow, row);
      },
      count,
      directory,
      makers,
      signal: platform.signal,
      onProgress: progress(cli),
    });
    await warnOfRootCrls(cli, issuer);
    const report = { directory, ...issued };
    const text = () =>
      [fleetTable(report, cli.output.columns), `files: ${shown(cli, directory)}/NAME/current/`].join("\n");
    for (const { format, path } of wanted) {
      const pieces = format === "csv" ? fleetCsv(report) : fleetJson(report);
      if (path !== undefined) platform.files.writePieces(path, pieces);
      else for (const piece of pieces) platform.stdout.write(piece);
    }
    // a report on stdout stands there alone
    if (wanted.some(({ path }) => path === undefined)) cli.output.note(text());
    else cli.output.longResult(() => fleetJson(report), text);
  } finally {
    await end();
  }
}

const BAR = 24;

/** A bar on a terminal; elsewhere a line at each tenth. */
function progress({ platform, output }: Cli): (done: number, total: number) => void {
  const start = platform.clock.monotonic();
  let tenth = 0;
  return (done, total) => {
    const seconds = (platform.clock.monotonic() - start) / 1000;
    const full = Math.floor((done / total) * BAR);
    const left = Math.ceil((seconds / done) * (total - done));
    const counted = `${done} of ${total} certificates`;
    output.progress(`[${"=".repeat(full)}${" ".repeat(BAR - full)}] ${counted}, ${left} s left`);
    const reached = Math.floor((done / total) * 10);
    if (reached > tenth && !platform.stderr.isTTY) output.note(`issued ${counted}`);
    tenth = reached;
  };
}
