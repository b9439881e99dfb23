import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Authority } from "../../pki/authority.ts";
import type { Service } from "../../pki/issuers/issuer.ts";
import type { Cli, Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { openCa, type PassphraseFlags, type PkiProject, requirePki, withPassphrase } from "../pki-project.ts";
import { checkWritable } from "../reports.ts";
import { warnOfRootCrls } from "../root-crl.ts";
import { shown } from "./output.ts";

interface Flags extends PassphraseFlags {
  readonly out?: string;
  readonly fromInventory?: boolean;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .option("--out <file>", "write them there too, and print what they hold")
    .option("--from-inventory", "make it anew where the CRL on disk is missing, damaged or another CA's")
    .action(
      bind(async (cli, flags: Flags) => {
        const project = requirePki(cli);
        const { files, cwd } = cli.platform;
        const file = flags.out === undefined ? undefined : resolve(cwd, flags.out);
        // before a new number is used up
        if (file !== undefined) checkWritable(cli.platform, file, "the CRL");
        const issuer =
          flags.fromInventory === true
            ? await openCa(cli, project, flags, "ignored")
            : await openIssuer(cli, project, flags);
        const { MAX_CRL_BYTES } = await import("../../pki/published.ts");
        const crl =
          issuer.kind === "local" ? await makeCrls(cli, project, issuer) : await fetchCrls(cli, issuer);
        await warnOfRootCrls(cli, issuer);
        const pem = files.readText(issuer.layout.crl, MAX_CRL_BYTES);
        if (file !== undefined) files.write(file, pem);
        cli.output.result({ schema: "fleetsec.ca-crl/v1", ...crl, file: file ?? issuer.layout.crl }, () =>
          file === undefined
            ? pem
            : `CRL${crl.number === undefined ? "" : ` number ${crl.number}`}, ${crl.revoked} revoked, until ${crl.nextUpdate}, in ${shown(cli, file)}`,
        );
        return 0;
      }),
    );
};

/** What is said of the CRL of whoever issues. */
interface ShownCrl {
  /** Of the project's own CA. */
  readonly number?: number;
  readonly thisUpdate: string;
  readonly nextUpdate: string;
  readonly revoked: number;
}

async function makeCrls(
  { platform }: Cli,
  { settings }: PkiProject,
  authority: Authority,
): Promise<ShownCrl> {
  const { refreshCrls } = await import("../../pki/publish.ts");
  const { describeCrl } = await import("../../pki/describe-ca.ts");
  await refreshCrls(platform, authority, settings);
  const { stale: _, ...crl } = describeCrl(platform.files, authority, platform.clock.now());
  return crl;
}

async function fetchCrls({ platform }: Cli, service: Service): Promise<ShownCrl> {
  const { refreshServiceCrl } = await import("../../pki/issuers/crl.ts");
  const { isoTime } = await import("../../pki/verify/time.ts");
  const [first] = await refreshServiceCrl(platform, service);
  if (first === undefined) {
    throw new FleetsecError("refused", `${service.kind} publishes no CRL`, {
      hint: "have it publish one, or set gateway.crl to false and keep lifetimes short",
    });
  }
  const { thisUpdate, nextUpdate, revoked } = first;
  return { thisUpdate: isoTime(thisUpdate), nextUpdate: isoTime(nextUpdate), revoked: revoked.size };
}
