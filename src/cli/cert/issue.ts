import { resolve } from "node:path";
import { keyTypes } from "../../config/schema.ts";
import { durationFlag } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import type { KeyType } from "../../pki/keys.ts";
import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";
import { certificateMembers, certificateText, filesField, sansField } from "./output.ts";

interface Flags extends PassphraseFlags {
  readonly role: string;
  readonly ttl?: string;
  readonly san?: readonly string[];
  readonly keyType?: string;
  readonly out?: string;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .argument("<name>", "common name, and directory of its files")
    .requiredOption("--role <role>", "role in the configuration")
    .option("--ttl <duration>", "lifetime, e.g. 24h (default: the role's)")
    .option("--san <name>", "further name: dns:…, ip:… or uri:… (repeatable)", collect)
    .option("--key-type <type>", keyTypes.join(", "))
    .option("--out <dir>", "put NAME/current/… there (default: the state directory's certs)")
    .action(
      bind(async (cli, name: string, flags: Flags) => {
        const project = requirePki(cli);
        const { parseSan } = await import("../../pki/roles.ts");
        const { issue } = await import("../../pki/issue.ts");
        const request = {
          name,
          role: project.role(flags.role),
          ttl: flags.ttl === undefined ? undefined : durationFlag(flags.ttl, "--ttl"),
          sans: (flags.san ?? []).map(parseSan),
          keyType: keyTypeFlag(flags.keyType),
          directory: flags.out === undefined ? undefined : resolve(cli.platform.cwd, flags.out),
        };
        if (project.pki.issuer === "cert-manager") {
          const { writeCertificateManifest } = await import("./manifest.ts");
          return writeCertificateManifest(cli, project, request);
        }
        const issuer = await openIssuer(cli, project, flags);
        const issued = await issue(cli.platform, issuer, project.settings, request);
        cli.output.result(
          { schema: "fleetsec.cert-issue/v1", ...certificateMembers(issued), files: issued.files },
          () =>
            certificateText(`issued ${issued.name}`, issued, [
              sansField(issued.sans),
              filesField(cli, issued.files),
              ...(issued.replaces === undefined
                ? []
                : [["replaces", `${issued.replaces}, which stays valid to its end`] as const]),
            ]),
        );
        return 0;
      }),
    );
};

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function keyTypeFlag(text: string | undefined): KeyType | undefined {
  if (text === undefined) return undefined;
  const type = keyTypes.find((candidate) => candidate === text);
  if (type !== undefined) return type;
  throw new FleetsecError("usage", `--key-type is not a key type: ${text}`, {
    hint: `use ${keyTypes.join(", ")}`,
  });
}
