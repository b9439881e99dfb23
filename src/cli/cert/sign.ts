import { resolve } from "node:path";
import { durationFlag } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import { escapeText } from "../../report/escape.ts";
import { shown } from "../ca/output.ts";
import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";
import { checkWritable } from "../reports.ts";
import { certificateMembers, certificateText, sansFields } from "./output.ts";

interface Flags extends PassphraseFlags {
  readonly role: string;
  readonly name?: string;
  readonly ttl?: string;
  readonly out?: string;
}

/** What DER begins with, and PEM does not. */
const SEQUENCE = 0x30;

function inDer(what: string): FleetsecError {
  return new FleetsecError("input", `${what} is DER, and a PEM file is needed`, {
    hint: "openssl req -inform DER -in FILE -out FILE.pem",
  });
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .argument("<csr>", "PEM file of the certificate signing request")
    .requiredOption("--role <role>", "role in the configuration")
    .option("--name <name>", "name of the certificate (default: the CSR's common name)")
    .option("--ttl <duration>", "lifetime, e.g. 24h (default: the role's)")
    .option("--out <file>", "write certificate and chain there (default: print them)")
    .action(
      bind(async (cli, csr: string, flags: Flags) => {
        const project = requirePki(cli);
        const { MAX_PEM_BYTES } = await import("../../pki/state.ts");
        const { signCsr } = await import("../../pki/sign-csr.ts");
        const { files, cwd } = cli.platform;
        const path = resolve(cwd, csr);
        if (files.read(path, MAX_PEM_BYTES)[0] === SEQUENCE) throw inDer(csr);
        const request = {
          csr: files.readText(path, MAX_PEM_BYTES),
          what: csr,
          role: project.role(flags.role),
          name: flags.name,
          ttl: flags.ttl === undefined ? undefined : durationFlag(flags.ttl, "--ttl"),
        };
        const out = flags.out === undefined ? undefined : resolve(cwd, flags.out);
        // a certificate that cannot be delivered should not exist
        if (out !== undefined) checkWritable(cli.platform, out, "the certificate");
        if (project.pki.issuer === "cert-manager") {
          const { writeRequestManifest } = await import("./manifest.ts");
          return writeRequestManifest(cli, project, request, out);
        }
        const issuer = await openIssuer(cli, project, flags);
        const { certificate, dropped } = await signCsr(cli.platform, issuer, project.settings, request);
        const pem = certificate.cert + certificate.chain;
        if (out !== undefined) files.write(out, pem);
        for (const item of dropped) cli.output.warn(`the CSR asks for ${escapeText(item)}: left out`);
        cli.output.result(
          {
            schema: "fleetsec.cert-sign/v1",
            ...certificateMembers(certificate),
            certificate: pem,
            dropped,
            ...(out === undefined ? {} : { file: out }),
          },
          () =>
            out === undefined
              ? pem
              : certificateText(`issued ${certificate.name}`, certificate, [
                  ...sansFields(cli, certificate.sans),
                  ["file", shown(cli, out)],
                ]),
        );
        return 0;
      }),
    );
};
