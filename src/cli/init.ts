import { dirname, join, relative, resolve } from "node:path";
import { EDITOR_SCHEMA } from "../config/initial.ts";
import { CONFIG_NAME, loadConfig, type LoadedConfig, parseConfig } from "../config/load.ts";
import { FleetsecError } from "../errors.ts";
import { escapeText } from "../report/escape.ts";
import { fileChangesMembers, fileChangesText, isLeft } from "../report/file-changes.ts";
import { type Style, styleFor } from "../report/style.ts";
import { table } from "../report/table.ts";
import type { ScaffoldedFile } from "../scaffold/scaffold.ts";
import type { Cli, Define } from "./command.ts";
import { type AnswerFlags, answers, configText } from "./init/answers.ts";
import type { Provided } from "./init/certificates.ts";
import { type PassphraseFlags, pkiProject, withPassphrase } from "./pki-project.ts";
import { TEMPLATE_LIBRARY } from "./package-files.ts";
import { DEPLOY_DIRECTORY, templateSettings } from "./template-settings.ts";

interface InitFlags extends AnswerFlags, PassphraseFlags {
  readonly force?: true;
  readonly ci?: string;
}

interface InitResult {
  readonly directory: string;
  readonly files: readonly ScaffoldedFile[];
  readonly provided: readonly Provided[];
}

export const define: Define = (command, bind) => {
  withPassphrase(
    command
      .description(
        "Begin a project: fleetsec.yaml, a dev CA, a gateway's and a client's certificate, gateway templates.\n" +
          "Run again, it adds what is missing, changes nothing and shows what differs.",
      )
      .argument("[dir]", "directory of the project", ".")
      .option("--yes", "ask nothing, take the defaults")
      .option("--name <name>", "name of the project (default: the directory's)")
      .option("--domain <domain>", "trust domain (default: fleet.internal)")
      .option(
        "--gateway <kind...>",
        "gateways to write templates for: nginx, envoy, haproxy (default: nginx)",
      )
      .option("--ci <service>", "also write a CI job that probes: github or gitlab")
      .option("--force", "replace files that differ; never a CA or a certificate"),
  ).action(
    bind(async (cli, dir: string, flags: InitFlags) => {
      const result = await init(cli, resolve(cli.platform.cwd, dir), flags);
      const { directory, files, provided } = result;
      const document = {
        schema: "fleetsec.init/v1",
        directory,
        files: fileChangesMembers(files),
        provided,
      };
      const style = await styleFor(cli.output.color.stdout);
      cli.output.result(document, () => textOf(result, cli, style));
      return 0;
    }),
  );
};

async function init(cli: Cli, directory: string, flags: InitFlags): Promise<InitResult> {
  const { files } = cli.platform;
  const { apply, currentText } = await import("../scaffold/apply.ts");
  const { projectFiles } = await import("./init/files.ts");
  const { newPassphrase } = await import("./init/certificates.ts");
  const passphrase = await newPassphrase(cli, flags);
  const text = await wantedConfig(cli, directory, flags);
  const changes = projectFiles(text, (path) => currentText(files, directory, path));
  const force = flags.force === true;
  // what is in force once this is done: everything below is checked before anything is written
  const kept = changes.find(({ path, action }) => path === CONFIG_NAME && action === "differs" && !force);
  const path = join(directory, CONFIG_NAME);
  const config = parseConfig(kept?.current ?? text, path);
  const project: LoadedConfig = { config, path, directory };
  const wanted = [...config.gateway.kinds, "opa", ...ciTemplates(flags.ci)];
  const templates = await projectTemplates(cli, project, wanted, { force, dryRun: true });
  files.makeDirectory(directory, 0o755);
  files.makeDirectory(join(directory, dirname(EDITOR_SCHEMA)));
  const written = new Set(apply(files, directory, changes, force));
  return {
    directory,
    provided: await provide(cli, project, flags, passphrase),
    files: [
      ...changes.map((change) => ({ ...change, written: written.has(change.path) })),
      ...(templates.length === 0
        ? []
        : await projectTemplates(cli, project, wanted, { force, dryRun: false })),
    ],
  };
}

/** The configuration as `init` would write it: from the one that is there, as far as flags do not differ. */
async function wantedConfig(cli: Cli, directory: string, flags: InitFlags): Promise<string> {
  const path = join(directory, CONFIG_NAME);
  if (cli.platform.files.kind(path) === undefined) return configText(await answers(cli, flags, directory));
  const { config } = loadConfig(cli.platform.files, path);
  const known = {
    yes: true,
    name: config.name,
    domain: config.domain,
    gateway: config.gateway.kinds,
  } as const;
  return configText(await answers(cli, { ...known, ...flags }, directory));
}

async function provide(
  cli: Cli,
  project: LoadedConfig,
  flags: InitFlags,
  passphrase: string | undefined,
): Promise<Provided[]> {
  const { provideCa, provideCertificates } = await import("./init/certificates.ts");
  const pki = pkiProject(project.config, project.directory);
  // another issues: the certificates are asked for one by one
  if (pki.pki.issuer !== "local") return [];
  const ca = await provideCa(cli, pki, flags, passphrase);
  return [ca.provided, ...(await provideCertificates(cli, project, pki, ca.authority))];
}

/** @throws FleetsecError `usage` for a service that there is no template for */
function ciTemplates(service: string | undefined): string[] {
  if (service === undefined) return [];
  if (service === "github" || service === "gitlab") return [`ci-${service}`];
  throw new FleetsecError("usage", `--ci cannot be ${service.slice(0, 80)}`, {
    hint: "choose github or gitlab",
  });
}

async function projectTemplates(
  cli: Cli,
  project: LoadedConfig,
  templates: readonly string[],
  { force, dryRun }: { readonly force: boolean; readonly dryRun: boolean },
): Promise<ScaffoldedFile[]> {
  const { scaffold } = await import("../scaffold/scaffold.ts");
  const { files } = await scaffold(cli.platform, {
    library: TEMPLATE_LIBRARY,
    templates,
    settings: templateSettings(project),
    out: join(project.directory, DEPLOY_DIRECTORY),
    root: project.directory,
    dryRun,
    force,
    check: false,
  });
  return files.map((file) => ({ ...file, path: join(DEPLOY_DIRECTORY, file.path) }));
}

function textOf({ directory, files, provided }: InitResult, { platform, output }: Cli, style: Style): string {
  const shown = (path: string) => relative(platform.cwd, join(directory, path)) || ".";
  const made = provided.map(({ what, action }) => [
    action === "created" ? style.good(action) : style.faint(action),
    escapeText(what),
  ]);
  const next = [
    ["fleetsec gateway --echo", "runs a gateway that demands certificates"],
    ["fleetsec probe", "proves that it does"],
    ["fleetsec scaffold --check", "runs nginx, Envoy and OPA over their templates"],
  ];
  const there = shown(".");
  return [
    fileChangesText(gathered(files), (file) => shown(file.path), {
      dryRun: false,
      style,
      columns: output.columns,
    }),
    table(made, output.columns),
    ...(files.some(isLeft) ? ["\nWhat differs was left as it is; --force replaces it."] : []),
    `\nNext${there === "." ? "" : `, in ${escapeText(there)}`}:`,
    table(
      next.map(([command = "", does = ""]) => [`  ${command}`, style.faint(does)]),
      output.columns,
    ),
  ].join("\n");
}

/** One line for a template whose files all met with the same. */
function gathered(files: readonly ScaffoldedFile[]): ScaffoldedFile[] {
  const templates = [...new Set(files.map(({ template }) => template))];
  return templates.flatMap((name) => {
    const members = files.filter(({ template }) => template === name);
    const [first, ...rest] = members;
    const alike =
      first !== undefined &&
      !isLeft(first) &&
      rest.every(({ action }) => SAME[action] === SAME[first.action]);
    if (!alike || name === "init" || rest.length === 0) return members;
    return [{ ...first, path: `${DEPLOY_DIRECTORY}/${first.template}/ (${members.length} files)` }];
  });
}

/** A file that people fill in is left alone like one that is as it should be. */
const SAME = { create: "create", unchanged: "unchanged", kept: "unchanged", differs: "differs" } as const;
