import type { CertificateFiles } from "../../pki/generations.ts";
import type { Registry } from "../../pki/issuers/issuer.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";

/** Warns of other names that use the certificate's key in a token. @returns a member for the document */
export async function sharedKey(
  { platform: { files, clock }, output }: Cli,
  registry: Registry,
  certificate: { readonly name: string; readonly files: CertificateFiles },
): Promise<{ readonly sharesKeyWith?: readonly string[] }> {
  const { namesWithSameKey } = await import("../../pki/shared-key.ts");
  const names = namesWithSameKey(files, registry, certificate, clock.now());
  if (names.length === 0) return {};
  const shown = names
    .slice(0, SHOWN)
    .map((name) => escapeText(name))
    .join(", ");
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  output.warn(
    `${escapeText(certificate.name)} has the key of ${shown}${more}: who can use it is all of them, and one revocation leaves the others valid`,
  );
  return { sharesKeyWith: names };
}

const SHOWN = 5;
