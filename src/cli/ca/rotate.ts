import type { Command } from "commander";
import type { ExitCode } from "../../errors.ts";
import type { Authority } from "../../pki/authority.ts";
import type { TokenPlaces } from "../../pki/init-authority.ts";
import type { Finished } from "../../pki/ca-rotation/steps.ts";
import type { CaRotation } from "../../report/ca-rotate.ts";
import { caRotateDocument, caRotateText } from "../../report/ca-rotate.ts";
import { escapeText } from "../../report/escape.ts";
import { styleFor } from "../../report/style.ts";
import type { Bind, Cli, Define } from "../command.ts";
import {
  openCa,
  openCaUnasked,
  type PassphraseFlags,
  passphraseSource,
  type PkiProject,
  requirePki,
  withPassphrase,
} from "../pki-project.ts";
import { protection, type ProtectionFlags, withProtection } from "./protection.ts";

interface SwitchFlags extends PassphraseFlags {
  readonly loaded?: true;
}

export const define: Define = (command, bind) => {
  status(command.command("status").description("say how far a rotation is, and what comes next"), bind);
  withProtection(
    command.command("begin").description("phase 1: make a new root and issuing CA, and trust both roots"),
  ).action(
    bind(async (cli, flags: ProtectionFlags) => {
      const { beginRotation } = await import("../../pki/ca-rotation/begin.ts");
      const { project, reopen } = await opener(cli, flags);
      const { settings, permitted } = project;
      const token = await placesFor(cli, flags, reopen());
      const passphrase = await protection(cli, flags, token !== undefined);
      const request = { settings, permitted, passphrase, token };
      const made = await beginRotation(cli.platform, reopen, request);
      return report(cli, project, flags, made ? "made a new CA: both are trusted" : "completed phase 1");
    }),
  );
  withPassphrase(command.command("switch").description("phase 2: issue from the new CA"))
    .option("--loaded", "everybody who trusts the old root has loaded the bundle with both: do not wait")
    .action(
      bind(async (cli, flags: SwitchFlags) => {
        const { switchIssuer } = await import("../../pki/ca-rotation/steps.ts");
        const { project, reopen } = await opener(cli, flags);
        const waiting = { overlap: project.pki.trust_overlap, isLoaded: flags.loaded === true };
        await switchIssuer(cli.platform, reopen, waiting);
        return report(cli, project, flags, "the new CA issues from now on");
      }),
    );
  withPassphrase(
    command.command("finish").description("phase 3: drop the old CA, once nothing chains to it"),
  ).action(
    bind(async (cli, flags: PassphraseFlags) => {
      const { finishRotation } = await import("../../pki/ca-rotation/steps.ts");
      const { project, reopen } = await opener(cli, flags);
      const finished = await finishRotation(cli.platform, reopen);
      warnOfKeys(cli, finished.tokenKeys);
      return report(cli, project, flags, await afterFinish(finished));
    }),
  );
  withPassphrase(
    command
      .command("abort")
      .description("go back by one phase: issue from the old CA again, or drop the new one"),
  ).action(
    bind(async (cli, flags: PassphraseFlags) => {
      const { abortRotation } = await import("../../pki/ca-rotation/steps.ts");
      const { project, reopen } = await opener(cli, flags);
      warnOfKeys(cli, await abortRotation(cli.platform, reopen));
      return report(cli, project, flags, "went back by one phase");
    }),
  );
  withPassphrase(
    command
      .command("intermediate")
      .description("make a new issuing CA below the same root, and issue from it"),
  ).action(
    bind(async (cli, flags: PassphraseFlags) => {
      const { rotateIntermediate } = await import("../../pki/ca-rotation/begin.ts");
      const { project, reopen } = await opener(cli, flags);
      const { settings, permitted } = project;
      const passphrase = passphraseSource(cli, flags);
      await rotateIntermediate(cli.platform, reopen, { settings, permitted, passphrase });
      return report(cli, project, flags, "a new issuing CA issues from now on");
    }),
  );
};

/** What holds of the CAs that were dropped, for whom. */
async function afterFinish({ rootedUntil, isRevoked }: Finished): Promise<string> {
  if (rootedUntil === undefined) return "who has loaded bundle.pem trusts what was replaced no longer";
  const { isoTime } = await import("../../pki/verify/time.ts");
  const end = isoTime(rootedUntil);
  const theft = "after a theft of its key replace the root: fleetsec ca rotate begin";
  return isRevoked
    ? `the issuing CA that was replaced is on its root's CRL: who has loaded crl.pem refuses it; who checks no CRL trusts it until ${end}, for the root stays; ${theft}`
    : `the issuing CA that was replaced is dropped here, and its root's key is not here to revoke it: everybody trusts it until ${end}, for the root stays; ${theft}`;
}

function warnOfKeys({ output }: Cli, uris: readonly string[]): void {
  for (const uri of uris) {
    output.warn(`a key of the CA that was dropped is still in its token: ${escapeText(uri)}`);
  }
}

/** Where the keys of the new CA are made in a token: as told, else beside those of the CA that it follows. */
async function placesFor(
  { platform: { files } }: Cli,
  { token }: ProtectionFlags,
  authority: Authority,
): Promise<TokenPlaces | undefined> {
  const { tokenPlaces } = await import("../../pki/init-authority.ts");
  const { placesBeside } = await import("../../pki/ca-rotation/places.ts");
  return token === undefined ? placesBeside(files, authority) : tokenPlaces(token);
}

function status(command: Command, bind: Bind): void {
  withPassphrase(command).action(
    bind(async (cli, flags: PassphraseFlags) => {
      return report(cli, requirePki(cli), flags, undefined);
    }),
  );
}

/** The project, and its CA as it lies on disk each time. */
async function opener(
  cli: Cli,
  flags: PassphraseFlags,
): Promise<{ readonly project: PkiProject; readonly reopen: () => Authority }> {
  const project = requirePki(cli);
  // refuses a project whose certificates come from elsewhere
  await openCa(cli, project, flags);
  const { openAuthority } = await import("../../pki/authority.ts");
  const passphrase = passphraseSource(cli, flags);
  const { files, tokens } = cli.platform;
  return { project, reopen: () => openAuthority(files, project.stateDirectory, passphrase, tokens) };
}

/** @param done what was done just now */
async function report(
  cli: Cli,
  project: PkiProject,
  flags: PassphraseFlags,
  done: string | undefined,
): Promise<ExitCode> {
  const { rotationStatus } = await import("../../pki/ca-rotation/status.ts");
  const { nextStep } = await import("../../pki/ca-rotation/next-step.ts");
  const { summarizeGeneration } = await import("../../pki/ca-rotation/summary.ts");
  const { files, clock } = cli.platform;
  const authority = await openCaUnasked(cli, project, flags);
  const now = clock.now();
  const found = rotationStatus(files, authority);
  const situation = { files, authority, status: found, now };
  const rotation: CaRotation = {
    phase: found.phase,
    published: found.published,
    generations: authority.trusted.map((ca) => summarizeGeneration(authority, ca, now)),
    next: await nextStep(situation, { overlap: project.pki.trust_overlap, isLoaded: false }),
  };
  const style = await styleFor(cli.output.color.stdout);
  cli.output.result(caRotateDocument(rotation), () =>
    caRotateText(rotation, done, cli.output.columns, style),
  );
  return 0;
}
