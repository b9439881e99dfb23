import { join } from "node:path";
import type { Files } from "../../platform/files.ts";
import { caFiles, generationsIn, readCertificateFile } from "../authority.ts";
import type { StateLayout } from "../state.ts";
import type { Certificate } from "../verify/certificate.ts";

type Authorities = Pick<StateLayout, "authorities">;

/** Where the certificates of a CA generation that was dropped are kept. */
export function retiredDirectory({ authorities }: Authorities, number: number): string {
  return join(authorities, "retired", String(number));
}

/** The issuing CAs that were dropped, and their roots, which may still be trusted. @throws FleetsecError where damaged */
export function retiredCas(
  files: Files,
  layout: Authorities,
): { readonly root: Certificate; readonly issuing: Certificate }[] {
  const retired = join(layout.authorities, "retired");
  if (files.kind(retired) === undefined) return [];
  return generationsIn(files, retired).map((number) => {
    const read = (name: string) => readCertificateFile(files, join(retiredDirectory(layout, number), name));
    return { root: read(caFiles.rootCertificate), issuing: read(caFiles.issuingCertificate) };
  });
}
