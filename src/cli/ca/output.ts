import { relative } from "node:path";
import type { Authority } from "../../pki/authority.ts";
import type { CaDescription } from "../../pki/describe-ca.ts";
import { escapeText } from "../../report/escape.ts";
import { fields } from "../../report/fields.ts";
import type { Cli } from "../command.ts";

const KEYS: Readonly<Record<CaDescription["keys"], string>> = {
  encrypted: "encrypted",
  plain: "NOT encrypted: whoever copies the project has the CA",
  token: "in a token, which they never leave",
};

const STALE = " (STALE: run fleetsec ca crl)";

/** A CA as a JSON document. */
export function caDocument(schema: string, { layout }: Authority, description: CaDescription): object {
  return { schema, ...description, files: { bundle: layout.trustBundle, crl: layout.crl } };
}

/** The same for a person. @param passphraseFile where a passphrase was kept just now */
export function caText(cli: Cli, { layout }: Authority, ca: CaDescription, passphraseFile?: string): string {
  const { root, issuing, crl, certificates } = ca;
  const counts = Object.entries(certificates).filter(([, count]) => count > 0);
  return fields([
    ["root CA", escapeText(root.subject)],
    ["", `until ${root.notAfter}, SHA-256 ${root.fingerprint.slice(0, 16)}…`],
    ["issuing CA", escapeText(issuing.subject)],
    ["", `until ${issuing.notAfter}, SHA-256 ${issuing.fingerprint.slice(0, 16)}…`],
    ["keys", KEYS[ca.keys]],
    ...(passphraseFile === undefined ? [] : [["passphrase", escapeText(passphraseFile)] as const]),
    ["CRL", `number ${crl.number}, ${crl.revoked} revoked, until ${crl.nextUpdate}${crl.stale ? STALE : ""}`],
    ["issued", counts.map(([status, count]) => `${count} ${status}`).join(", ") || "nothing yet"],
    ["trust bundle", `${shown(cli, layout.trustBundle)}${ca.bundleStale ? STALE : ""}`],
    ["CRL file", shown(cli, layout.crl)],
  ]);
}

/** A path as a person in the current directory would write it. */
export function shown({ platform }: Cli, path: string): string {
  const short = relative(platform.cwd, path);
  return escapeText(short.startsWith("..") ? path : short);
}
