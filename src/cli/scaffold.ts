import { relative, resolve } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import { type ExitCode, FleetsecError } from "../errors.ts";
import { escapeText } from "../report/escape.ts";
import { fileChangesMembers, fileChangesText, isLeft } from "../report/file-changes.ts";
import { type Style, styleFor } from "../report/style.ts";
import { table } from "../report/table.ts";
import { wrap } from "../report/wrap.ts";
import type { CheckResult } from "../scaffold/check.ts";
import type { ScaffoldResult } from "../scaffold/scaffold.ts";
import type { Settings } from "../scaffold/values.ts";
import type { Cli, Define } from "./command.ts";
import { requireProject } from "./project.ts";
import { publish, type ReportFlags, wantedReports, withReports } from "./reports.ts";
import { DEPLOY_DIRECTORY, templateSettings } from "./template-settings.ts";
import { TEMPLATE_LIBRARY, version } from "./package-files.ts";

interface ScaffoldFlags extends ReportFlags {
  readonly list?: true;
  readonly out?: string;
  readonly dryRun?: true;
  readonly check?: true;
  readonly force?: true;
}

export const define: Define = (command, bind) => {
  withReports(command)
    .description(
      "Write configurations of gateways and their surroundings from fleetsec.yaml, each template into a\n" +
        "directory of its name. What is there and differs is shown and left as it is.",
    )
    .argument("[template...]", "templates (default: the gateways that fleetsec.yaml names, and opa)")
    .option("--list", "list the templates and end")
    .option("--out <dir>", `where to write (default: ${DEPLOY_DIRECTORY} beside fleetsec.yaml)`)
    .option("--dry-run", "write nothing, show what would be written")
    .option("--check", "run the real engine over the result")
    .option("--force", "replace files that differ")
    .action(
      bind((cli, templates: readonly string[], flags: ScaffoldFlags) =>
        flags.list === true ? list(cli) : write(cli, templates, flags),
      ),
    );
};

async function list(cli: Cli): Promise<ExitCode> {
  const { readTemplate, templateNames } = await import("../scaffold/template.ts");
  const { files } = cli.platform;
  const templates = templateNames(files, TEMPLATE_LIBRARY).map((name) =>
    readTemplate(files, TEMPLATE_LIBRARY, name),
  );
  const document = {
    schema: "fleetsec.scaffold-list/v1",
    templates: templates.map(({ name, summary, files: members, checks }) => ({
      name,
      summary,
      files: members.map(({ path }) => path),
      engines: [...new Set(checks.map(({ engine }) => engine))],
    })),
  };
  cli.output.result(document, () =>
    table(
      templates.map(({ name, summary }) => [name, summary]),
      cli.output.columns,
    ),
  );
  return 0;
}

async function write(cli: Cli, named: readonly string[], flags: ScaffoldFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  if (flags.check === true && flags.dryRun === true) {
    throw new FleetsecError("usage", "--check looks at files that --dry-run does not write", {
      hint: "leave one of the two out",
    });
  }
  const reports = wantedReports(cli, flags);
  const project = requireProject(cli);
  const { scaffold } = await import("../scaffold/scaffold.ts");
  const out =
    flags.out === undefined ? resolve(project.directory, DEPLOY_DIRECTORY) : resolve(platform.cwd, flags.out);
  const templates = named.length > 0 ? named : [...project.config.gateway.kinds, "opa"];
  const request = {
    library: TEMPLATE_LIBRARY,
    templates: [...new Set(templates)],
    settings: await settingsFor(cli, project, templates),
    out,
    root: flags.out === undefined ? project.directory : out,
    dryRun: flags.dryRun === true,
    force: flags.force === true,
    check: flags.check === true,
  };
  const result = await scaffold(platform, request);
  const document = documentOf(result, request);
  const style = await styleFor(output.color.stdout);
  const findings = {
    document,
    text: () => textOf(result, request, cli, style),
    report: async () => {
      const { scaffoldReport } = await import("../report/scaffold-report.ts");
      const context = { version: version(), time: platform.clock.now(), document };
      return scaffoldReport(result, context, (file) => relative(platform.cwd, resolve(out, file.path)));
    },
  };
  const exit = await publish(cli, reports, findings, exitCode(result));
  if (result.files.some(isLeft)) output.note("hint: fleetsec scaffold --force replaces what differs");
  return exit;
}

/** The settings, with the provisioners' public key where a template holds it. */
async function settingsFor(
  { platform: { files } }: Cli,
  project: LoadedConfig,
  templates: readonly string[],
): Promise<Settings> {
  const settings = templateSettings(project);
  if (!templates.includes("step-ca")) return settings;
  const path = project.config.pki.step_ca?.provisioner_key;
  if (path === undefined) {
    throw new FleetsecError(
      "config",
      "step-ca needs the key of its provisioners: pki.step_ca.provisioner_key",
      {
        hint: "make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE, mode 0600, and name it",
      },
    );
  }
  const { publicJwk, readProvisionerKey } = await import("../pki/issuers/step-ca/token.ts");
  const { readSecret } = await import("../pki/state.ts");
  const key = readProvisionerKey(readSecret(files, resolve(project.directory, path)), path);
  const { pki } = settings;
  return { ...settings, pki: { ...pki, stepCa: { ...pki.stepCa, provisionerKey: publicJwk(key) } } };
}

function exitCode({ ok, files, checks }: ScaffoldResult): ExitCode {
  if (ok) return 0;
  const found = files.some(isLeft) || checks.some(({ outcome }) => outcome === "refused");
  return found ? 1 : 3;
}

interface Where {
  readonly out: string;
  readonly dryRun: boolean;
}

function documentOf(result: ScaffoldResult, { out, dryRun }: Where): object {
  return {
    schema: "fleetsec.scaffold/v1",
    ok: result.ok,
    out,
    dryRun,
    files: fileChangesMembers(result.files),
    checks: result.checks,
  };
}

function textOf(
  result: ScaffoldResult,
  { out, dryRun }: Where,
  { platform, output }: Cli,
  style: Style,
): string {
  return [
    fileChangesText(result.files, (file) => relative(platform.cwd, resolve(out, file.path)), {
      dryRun,
      style,
      columns: output.columns,
    }),
    ...result.checks.map((check) => checkText(check, style, output.columns)),
  ].join("\n");
}

function checkText(
  { template, engine, command, outcome, output, hint }: CheckResult,
  style: Style,
  columns: number,
): string {
  const paint = { accepted: "good", refused: "bad", "not-run": "unsure" } as const;
  const indented = (text: string) =>
    escapeText(text.trimEnd(), { newlines: true })
      .split("\n")
      .flatMap((line) => wrap(line, columns - 2))
      .map((line) => `  ${line}`);
  const [first = "", ...rest] = wrap(
    `${outcome}  ${template} by ${engine}: ${escapeText(command.join(" "))}`,
    columns - 2,
  );
  const lines = [
    `\n${first.replace(outcome, style[paint[outcome]](outcome))}`,
    ...rest.map((line) => `  ${line}`),
  ];
  if (outcome !== "accepted") lines.push(...indented(output), ...(hint === undefined ? [] : indented(hint)));
  return lines.join("\n");
}
