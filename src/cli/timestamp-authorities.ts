import { resolve } from "node:path";
import type { Certificate } from "../pki/verify/certificate.ts";
import { MAX_CERTIFICATE_FILE, readCertificates } from "../pki/verify/pem.ts";
import type { Cli } from "./command.ts";

/** The certificates that --tsa-ca names: each is trusted. @throws FleetsecError `not-found`, `input` */
export function timestampAuthorities({ platform }: Cli, path: string): readonly Certificate[] {
  return readCertificates(platform.files.read(resolve(platform.cwd, path), MAX_CERTIFICATE_FILE), path);
}
