import type { CertificateFiles } from "../../pki/generations.ts";
import { isoTime } from "../../pki/verify/time.ts";
import { escapeText } from "../../report/escape.ts";
import { fields } from "../../report/fields.ts";
import { shown } from "../ca/output.ts";
import type { Cli } from "../command.ts";

/** What the commands on one certificate print of it. */
export interface ShownCertificate {
  readonly name: string;
  readonly serial: string;
  readonly role: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The members that every document on one certificate begins with. */
export function certificateMembers({ name, serial, notBefore, notAfter }: ShownCertificate) {
  return { name, serial, notBefore: isoTime(notBefore), notAfter: isoTime(notAfter) };
}

/** A certificate for a person, with further lines. */
export function certificateText(
  heading: string,
  certificate: ShownCertificate,
  more: readonly (readonly [string, string])[],
): string {
  return `${heading}\n${fields([
    ["  serial", certificate.serial],
    ["  role", certificate.role],
    ["  valid until", isoTime(certificate.notAfter)],
    ...more.map(([label, value]) => [`  ${label}`, value] as const),
  ])}`;
}

export function sansField(sans: readonly string[]): readonly [string, string] {
  return ["names", escapeText(sans.join(" "))];
}

/** The four files lie in one directory. */
export function filesField(cli: Cli, files: CertificateFiles): readonly [string, string] {
  const directory = files.cert.slice(0, files.cert.lastIndexOf("/") + 1);
  return ["files", `${shown(cli, directory)}/{cert,key,chain,bundle}.pem`];
}
