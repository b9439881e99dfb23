import { join, resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Recorded } from "../../pki/recorded-revocation.ts";
import type { StateLayout } from "../../pki/state.ts";
import type { FileVerdict, FilesRequest } from "../../pki/verify/verify-files.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";

/** What a project trusts, and what it has on record. */
export interface ProjectTrust extends Pick<FilesRequest, "anchors" | "untrusted" | "crls"> {
  /** Judges by the inventory too, where there is one. */
  heed(verdict: FileVerdict): FileVerdict;
}

/**
 * The roots, intermediates and CRLs of the project's own CA, where there is one.
 * @throws FleetsecError `state` for a trust bundle that is not of the CA beside it
 */
export async function projectTrust(cli: Cli): Promise<ProjectTrust | undefined> {
  const project = findProject(cli);
  if (project === undefined) return undefined;
  const { layoutFor, serviceChain } = await import("../../pki/state.ts");
  const { files } = cli.platform;
  const { pki, state } = project.config;
  const directory = resolve(project.directory, state);
  const layout = layoutFor(directory, pki.issuer);
  if (pki.trust_anchor !== undefined && pki.issuer !== "local") {
    const present = (path: string) => (files.kind(path) === undefined ? [] : [path]);
    const [crl] = present(layout.crl);
    const { openInventory } = await import("../../pki/inventory.ts");
    const open = () => ({
      inventory: openInventory(files, layout.inventory),
      service: pki.issuer,
      issuing: NONE,
    });
    return {
      anchors: [resolve(project.directory, pki.trust_anchor)],
      untrusted: present(serviceChain(layout)),
      crls: crl === undefined ? undefined : [crl],
      heed: files.kind(layout.inventory) === undefined ? asItIs : await byRecord(open),
    };
  }
  if (files.kind(layout.trustBundle) === undefined) return undefined;
  return ownTrust(cli, directory, layout);
}

async function ownTrust(
  { platform: { files } }: Cli,
  directory: string,
  layout: StateLayout,
): Promise<ProjectTrust> {
  const { issuingCertificates, openAuthority, requireOwnRoots } = await import("../../pki/authority.ts");
  const { retiredCas } = await import("../../pki/ca-rotation/retired.ts");
  const { fingerprintOf } = await import("../../pki/verify/describe.ts");
  const open = () => {
    const noKey = () => Promise.reject(new Error("to verify takes no key"));
    const authority = openAuthority(files, directory, noKey);
    const issuing = [...authority.trusted, ...retiredCas(files, layout)].map((ca) =>
      fingerprintOf(ca.issuing),
    );
    return { inventory: authority.inventory, service: undefined, issuing: new Set(issuing) };
  };
  // a copy of what the CA publishes, without the CA, has no inventory
  const isHere = files.kind(join(layout.authorities, "current")) !== undefined;
  if (isHere) requireOwnRoots(files, layout);
  return {
    anchors: [layout.trustBundle],
    untrusted: issuingCertificates(files, layout),
    crls: [layout.crl],
    heed: isHere ? await byRecord(open) : asItIs,
  };
}

const NONE: ReadonlySet<string> = new Set();

const asItIs = (verdict: FileVerdict) => verdict;

/** An inventory that is damaged leaves it open whether a certificate was revoked; the CRL counts all the same. */
async function byRecord(open: () => Recorded): Promise<(verdict: FileVerdict) => FileVerdict> {
  const { heedRecord, withoutRecord } = await import("../../pki/recorded-revocation.ts");
  try {
    const recorded = open();
    recorded.inventory.refresh();
    return (verdict) => heedRecord(verdict, recorded);
  } catch (error) {
    if (!(error instanceof FleetsecError) || error.code !== "state") throw error;
    return (verdict) => withoutRecord(verdict, error.message);
  }
}
