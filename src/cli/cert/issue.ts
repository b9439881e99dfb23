import { resolve } from "node:path";
import { keyTypes } from "../../config/pki-schema.ts";
import { durationFlag } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import type { KeyType } from "../../pki/keys.ts";
import type { Cli, Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";
import { collect } from "../repeated-flag.ts";
import { warnOfRootCrls } from "../root-crl.ts";
import { tokenKey } from "./token-key.ts";
import { sharedKey } from "./shared-key.ts";
import { certificateMembers, certificateText, filesField, sansFields } from "./output.ts";

interface Flags extends PassphraseFlags {
  readonly from?: string;
  readonly report?: readonly string[];
  readonly role?: string;
  readonly ttl?: string;
  readonly san?: readonly string[];
  readonly keyType?: string;
  readonly out?: string;
  readonly key?: string;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .argument("[name]", "common name, and directory of its files")
    .option(
      "--from <file.csv>",
      "issue to each line of a roster (- for standard input), and go on where a run of it was ended",
    )
    .option("--role <role>", "role in the configuration; with --from, of lines that name none")
    .option("--ttl <duration>", "lifetime, e.g. 24h (default: the role's)")
    .option("--san <name>", "further name: dns:…, ip:… or uri:… (repeatable)", collect)
    .option("--key-type <type>", keyTypes.join(", "))
    .option("--key <uri>", "key in a token, made where it is not there: pkcs11:token=…;object=…")
    .option("--out <dir>", "put NAME/current/… there (default: the state directory's certs)")
    .option("--report <format=path>", "with --from: what was issued, as json or csv (repeatable)", collect)
    .action(
      bind(async (cli, name: string | undefined, flags: Flags) => {
        if (flags.from !== undefined) {
          await issueRoster(cli, name, { ...flags, from: flags.from });
          return 0;
        }
        if (name === undefined || flags.role === undefined || flags.report !== undefined) {
          throw new FleetsecError("usage", USAGE, { hint: "run it with --help for the flags of each" });
        }
        const project = requirePki(cli);
        const { parseSan } = await import("../../pki/roles.ts");
        const { issue } = await import("../../pki/issue.ts");
        const request = {
          name,
          role: project.role(flags.role),
          ttl: flags.ttl === undefined ? undefined : durationFlag(flags.ttl, "--ttl"),
          sans: (flags.san ?? []).map(parseSan),
          keyType: flags.keyType === undefined ? undefined : keyTypeOf(flags.keyType, "--key-type"),
          directory: flags.out === undefined ? undefined : resolve(cli.platform.cwd, flags.out),
        };
        if (project.pki.issuer === "cert-manager") {
          if (flags.key !== undefined) throw keyInCluster();
          const { writeCertificateManifest } = await import("./manifest.ts");
          return writeCertificateManifest(cli, project, request);
        }
        const issuer = await openIssuer(cli, project, flags);
        const issued = await issue(cli.platform, issuer, project.settings, {
          ...request,
          ...(flags.key === undefined ? {} : await tokenKey(cli, project, request, flags.key)),
        });
        await warnOfRootCrls(cli, issuer);
        const shared = await sharedKey(cli, issuer, issued);
        cli.output.result(
          { schema: "fleetsec.cert-issue/v1", ...certificateMembers(issued), files: issued.files, ...shared },
          () =>
            certificateText(`issued ${issued.name}`, issued, [
              ...sansFields(cli, issued.sans),
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

function keyInCluster(): FleetsecError {
  return new FleetsecError(
    "refused",
    "cert-manager issues in this project, and makes the key in the cluster",
    {
      hint: "leave --key out; for a key in a token make a CSR of it, and run fleetsec cert sign",
    },
  );
}

const USAGE = "it takes a NAME and its --role, or a roster with --from, which may have --report";

async function issueRoster(
  cli: Cli,
  name: string | undefined,
  flags: Flags & { readonly from: string },
): Promise<void> {
  if (name !== undefined || flags.san !== undefined || flags.key !== undefined) {
    throw new FleetsecError(
      "usage",
      "--from takes names from the roster and makes keys: no NAME, no --san and no --key",
      {
        hint: "write them into its columns name and sans",
      },
    );
  }
  const { issueFromRoster } = await import("./issue-fleet.ts");
  await issueFromRoster(cli, flags, {
    ttl: flags.ttl === undefined ? undefined : durationFlag(flags.ttl, "--ttl"),
    keyType: flags.keyType === undefined ? undefined : keyTypeOf(flags.keyType, "--key-type"),
    keyTypeOf: (text) => keyTypeOf(text, "key_type"),
  });
}

function keyTypeOf(text: string, what: string): KeyType {
  const type = keyTypes.find((candidate) => candidate === text);
  if (type !== undefined) return type;
  throw new FleetsecError("usage", `${what} is not a key type: ${text}`, {
    hint: `use ${keyTypes.join(", ")}`,
  });
}
