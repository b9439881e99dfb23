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
  const { namesWithSameKey, sharedKeyWarning } = await import("../../pki/shared-key.ts");
  const names = namesWithSameKey(files, registry, certificate, clock.now());
  if (names.length === 0) return {};
  output.warn(escapeText(`${certificate.name} ${sharedKeyWarning(names)}`));
  return { sharesKeyWith: names };
}
