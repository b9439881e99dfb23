import { resolve } from "node:path";
import type { FilesRequest } from "../../pki/verify/verify-files.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";

/** The roots, intermediates and CRLs of the project's own CA, where there is one. */
export async function projectTrust(
  cli: Cli,
): Promise<Pick<FilesRequest, "anchors" | "untrusted" | "crls"> | undefined> {
  const project = findProject(cli);
  if (project === undefined) return undefined;
  const { layoutFor, serviceChain } = await import("../../pki/state.ts");
  const { issuingCertificates } = await import("../../pki/authority.ts");
  const { files } = cli.platform;
  const { pki, state } = project.config;
  const layout = layoutFor(resolve(project.directory, state), pki.issuer);
  if (pki.trust_anchor !== undefined && pki.issuer !== "local") {
    const present = (path: string) => (files.kind(path) === undefined ? [] : [path]);
    const [crl] = present(layout.crl);
    return {
      anchors: [resolve(project.directory, pki.trust_anchor)],
      untrusted: present(serviceChain(layout)),
      crls: crl === undefined ? undefined : [crl],
    };
  }
  if (files.kind(layout.trustBundle) === undefined) return undefined;
  return {
    anchors: [layout.trustBundle],
    untrusted: issuingCertificates(files, layout),
    crls: [layout.crl],
  };
}
