import { dirname, join, resolve } from "node:path";
import type { ExitCode } from "../../errors.ts";
import type { ClusterIssuerReference } from "../../pki/issuers/cert-manager/manifest.ts";
import type { IssueRequest } from "../../pki/plan.ts";
import type { SignRequest } from "../../pki/sign-csr.ts";
import { escapeText } from "../../report/escape.ts";
import { shown } from "../ca/output.ts";
import type { Cli } from "../command.ts";
import type { PkiProject } from "../pki-project.ts";

/** Where cert-manager issues, a certificate is a manifest: its key is made in the cluster. */
export async function writeCertificateManifest(
  cli: Cli,
  project: PkiProject,
  request: IssueRequest & { readonly directory?: string | undefined },
): Promise<ExitCode> {
  const { planIssue } = await import("../../pki/plan.ts");
  const { certificateManifest } = await import("../../pki/issuers/cert-manager/manifest.ts");
  const { settings } = project;
  const plan = planIssue(request, settings, undefined, cli.platform.clock.now());
  const manifest = certificateManifest(plan, settings.organization, referenceOf(project));
  const directory = request.directory ?? resolve(project.directory, CERTIFICATES);
  return write(cli, plan.name, manifest, join(directory, `${plan.name}.yaml`));
}

const CERTIFICATES = "deploy/cert-manager/certificates";

/** The same for a key that is kept elsewhere; printed unless there is a file. */
export async function writeRequestManifest(
  cli: Cli,
  project: PkiProject,
  request: SignRequest,
  out: string | undefined,
): Promise<ExitCode> {
  const { planSigning } = await import("../../pki/sign-csr.ts");
  const { requestManifest } = await import("../../pki/issuers/cert-manager/manifest.ts");
  const plan = await planSigning(project.settings, undefined, request, cli.platform.clock.now());
  return write(cli, plan.plan.name, requestManifest(plan, request.csr, referenceOf(project)), out);
}

function referenceOf({ pki: { cert_manager: settings } }: PkiProject): ClusterIssuerReference {
  return { name: settings.issuer, kind: settings.kind, namespace: settings.namespace };
}

async function write(cli: Cli, name: string, manifest: object, file: string | undefined): Promise<ExitCode> {
  const { stringify } = await import("yaml");
  const { files } = cli.platform;
  const text = stringify(manifest, { lineWidth: 0 });
  if (file !== undefined) {
    files.makeDirectory(dirname(file), 0o755);
    files.write(file, text);
  }
  cli.output.result(
    {
      schema: "fleetsec.cert-manifest/v1",
      name,
      manifest,
      ...(file === undefined ? {} : { file }),
    },
    () =>
      file === undefined
        ? text
        : `wrote ${shown(cli, file)}\nkubectl apply -f ${escapeText(shown(cli, file))} has cert-manager issue it`,
  );
  return 0;
}
