import { relative } from "node:path";
import type { Authority } from "../../pki/authority.ts";
import type { FleetsecError } from "../../errors.ts";
import type { CaDescription } from "../../pki/describe-ca.ts";
import type { Soundness } from "../../pki/soundness.ts";
import { escapeText } from "../../report/escape.ts";
import { fields } from "../../report/fields.ts";
import type { Cli } from "../command.ts";

const KEYS: Readonly<Record<CaDescription["keys"], string>> = {
  encrypted: "encrypted",
  plain: "NOT encrypted: whoever copies the project has the CA",
  token: "in a token, which they never leave",
  missing: "MISSING: nothing can be issued",
};

const STALE = ["", "STALE: run fleetsec ca crl"] as const;

/** A CA as a JSON document. */
export function caDocument(schema: string, { layout }: Authority, description: CaDescription): object {
  return { schema, ...description, files: { bundle: layout.trustBundle, crl: layout.crl } };
}

interface Details extends Partial<Soundness> {
  /** Where a passphrase was kept just now. */
  readonly passphraseFile?: string | undefined;
}

/** The same for a person. */
export function caText(cli: Cli, { layout }: Authority, ca: CaDescription, details: Details): string {
  const { passphraseFile, faults = [], unknown } = details;
  const { root, issuing, crl, certificates } = ca;
  const counts = Object.entries(certificates).filter(([, count]) => count > 0);
  return fields([
    ["root CA", escapeText(root.subject)],
    ["", `until ${root.notAfter}, SHA-256 ${root.fingerprint.slice(0, 16)}…`],
    ["issuing CA", escapeText(issuing.subject)],
    ["", `until ${issuing.notAfter}, SHA-256 ${issuing.fingerprint.slice(0, 16)}…`],
    ["keys", KEYS[ca.keys]],
    ...(unknown === undefined ? [] : [["", `not opened: ${escapeText(unknown.message)}`] as const]),
    ...(passphraseFile === undefined ? [] : [["passphrase", escapeText(passphraseFile)] as const]),
    ["CRL", `${crlNumber(crl)}, ${crl.revoked} revoked, until ${crl.nextUpdate}`],
    ...(crl.stale ? [STALE] : []),
    ["issued", counts.map(([status, count]) => `${count} ${status}`).join(", ") || "nothing yet"],
    ["trust bundle", shown(cli, layout.trustBundle)],
    ...(ca.bundleStale ? [STALE] : []),
    ["CRL file", shown(cli, layout.crl)],
    ...faults.flatMap(faultFields),
  ]);
}

function crlNumber({ number, onDisk }: CaDescription["crl"]): string {
  return onDisk === undefined ? `number ${number}` : `number ${onDisk} on disk (${number} on record)`;
}

/** What is not valid yet is refused, and no damage. */
function faultFields({ code, message, hint }: FleetsecError): (readonly [string, string])[] {
  const label = code === "refused" ? "NOT YET" : "DAMAGED";
  return [[label, escapeText(message)], ...(hint === undefined ? [] : [["", escapeText(hint)] as const])];
}

/** A path as a person in the current directory would write it. */
export function shown({ platform }: Cli, path: string): string {
  const short = relative(platform.cwd, path);
  return escapeText(short.startsWith("..") ? path : short);
}
