import { dirname } from "node:path";
import type { CertificateFiles } from "../../pki/generations.ts";
import { isoTime } from "../../pki/verify/time.ts";
import { escapeText } from "../../report/escape.ts";
import { fields } from "../../report/fields.ts";
import { wrap } from "../../report/wrap.ts";
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

/** Of the longest label and what stands around it. */
const LABELS = "  valid until  ".length;

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

/** In as many lines as the terminal needs. */
export function sansFields({ output }: Cli, sans: readonly string[]): (readonly [string, string])[] {
  const lines = wrap(escapeText(sans.join(" ")), output.columns - LABELS);
  return lines.map((line, i) => [i === 0 ? "names" : "", line] as const);
}

/** The four files lie in one directory. */
export function filesField(cli: Cli, files: CertificateFiles): readonly [string, string] {
  const directory = dirname(files.cert);
  return ["files", `${shown(cli, directory)}/{cert,key,chain,bundle}.pem`];
}
