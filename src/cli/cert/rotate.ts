import { resolve } from "node:path";
import type { ExitCode } from "../../errors.ts";
import { exitCodeOf, FleetsecError } from "../../errors.ts";
import type { Issuer } from "../../pki/issuers/issuer.ts";
import type { EventSink } from "../../pki/rotate/event.ts";
import type { Rotation } from "../../pki/rotate/rotation.ts";
import type { RotationTarget } from "../../pki/rotate/target.ts";
import { rotateDocument, rotateText } from "../../report/cert-rotate.ts";
import { styleFor } from "../../report/style.ts";
import type { Cli, Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { pkiProject, type PkiProject, withPassphrase } from "../pki-project.ts";
import { requireProject } from "../project.ts";
import { warnOfRootCrls } from "../root-crl.ts";
import { type RotateFlags, targetsOf } from "./rotation-targets.ts";

interface Flags extends RotateFlags {
  readonly watch?: true;
  readonly force?: true;
  readonly audit?: string;
  readonly passphraseFile?: string;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .argument("[name...]", "certificates (default: all that are in use, and those of pki.rotation)")
    .option("--watch", "go on: renew each when it is due, until SIGTERM; SIGHUP reads the configuration anew")
    .option("--force", "renew whether or not it is due")
    .option("--rekey", "make a new key each time")
    .option("--exec <cmd arg ...>", "run this after a renewal; up to the next flag of this command, no shell")
    .option("--pid-file <file>", "signal the process of this file after a renewal")
    .option("--signal <signal>", "HUP, USR1 or USR2 (default: HUP)")
    .option(
      "--confirm <host:port>",
      "the new certificate must be served there, else the one before comes back",
    )
    .option("--confirm-timeout <duration>", "how long that may take (default: 15s)")
    .option("--audit <file>", "append audit events there, one JSON object a line (default: stderr)")
    .action(
      bind(async (cli, names: readonly string[], flags: Flags) => {
        if (flags.watch === true && flags.force === true) {
          throw new FleetsecError("usage", "--watch and --force exclude each other");
        }
        const emit = auditSink(cli, flags.audit);
        return flags.watch === true ? keepWatch(cli, names, flags, emit) : runOnce(cli, names, flags, emit);
      }),
    );
};

async function runOnce(cli: Cli, names: readonly string[], flags: Flags, emit: EventSink): Promise<ExitCode> {
  const { platform, output } = cli;
  const project = await loadRotation(cli, names, flags);
  const targets = project.targets(platform.clock.now());
  const { rotate } = await import("../../pki/rotate/rotate.ts");
  const { together } = await import("../../pki/rotate/together.ts");
  const results = await together(targets, (target) =>
    rotate({ ...project, platform, emit }, target, flags.force === true),
  );
  const style = await styleFor(output.color.stdout);
  output.result(rotateDocument(results), () => rotateText(results, output.columns, style));
  return exitCodeFor(results);
}

async function keepWatch(cli: Cli, names: readonly string[], flags: Flags, emit: EventSink): Promise<never> {
  const { watch } = await import("../../pki/rotate/watch.ts");
  const load = async () => {
    const project = await loadRotation(cli, names, flags);
    // a passphrase is asked for now, and not in the middle of the night
    if (project.issuer.kind === "local") await project.issuer.signer();
    return project;
  };
  return watch(cli.platform, load, emit);
}

interface LoadedRotation extends PkiProject {
  readonly issuer: Issuer;
  readonly targets: (now: number) => readonly RotationTarget[];
}

async function loadRotation(cli: Cli, names: readonly string[], flags: Flags): Promise<LoadedRotation> {
  const loaded = requireProject(cli);
  const project = pkiProject(loaded.config, loaded.directory);
  const issuer = await openIssuer(cli, project, flags);
  const { publishMissing } = await import("../../pki/publish.ts");
  await publishMissing(cli.platform, issuer, project.settings);
  await warnOfRootCrls(cli, issuer);
  const { namesInUse } = await import("../../pki/rotate/names.ts");
  const { currentCertificate } = await import("../../pki/renew.ts");
  const choose = targetsOf(cli, loaded, names, flags);
  for (const name of names) currentCertificate(cli.platform.files, issuer, name);
  const targets = (now: number) => choose(namesInUse(cli.platform.files, issuer, project.settings, now));
  return { ...project, issuer, targets };
}

/** A finding outweighs a fault. */
function exitCodeFor(results: readonly Rotation[]): ExitCode {
  if (results.some(({ outcome }) => outcome === "rolled-back" || outcome === "incomplete")) return 1;
  const fault = results.find((result) => result.outcome === "failed");
  return fault === undefined ? 0 : exitCodeOf(fault.code);
}

/** An event that cannot be written to its file goes to stderr: rotation does not end for want of a disk. */
function auditSink({ platform, output }: Cli, path: string | undefined): EventSink {
  const file = path === undefined ? undefined : resolve(platform.cwd, path);
  // what cannot be written at all is found out before anything is done
  if (file !== undefined) platform.files.appendEvent(file, "");
  return (event) => {
    const line = `${JSON.stringify(event)}\n`;
    try {
      if (file !== undefined) return platform.files.appendEvent(file, line);
    } catch (error) {
      if (!(error instanceof FleetsecError)) throw error;
      output.warn(`an audit event could not be written: ${error.message}`);
    }
    platform.stderr.write(line);
  };
}
