import type { Issuer } from "../pki/issuers/issuer.ts";
import type { Cli } from "./command.ts";
import { shown } from "./ca/output.ts";

/** Says which root's CRL begins in the future and cannot be made anew, since the root's key is kept elsewhere. */
export async function warnOfRootCrls(cli: Cli, issuer: Issuer): Promise<void> {
  if (issuer.kind !== "local") return;
  const { rootCrlsOfFuture, rootKeyPath } = await import("../pki/ca-rotation/root-crl.ts");
  const { isoTime } = await import("../pki/verify/time.ts");
  const { files, clock } = cli.platform;
  for (const { ca, hasKey, thisUpdate } of rootCrlsOfFuture(files, issuer, clock.now())) {
    if (hasKey) continue;
    cli.output.warn(
      `the root's CRL is not valid before ${isoTime(thisUpdate)}: until then gateways refuse every client; ` +
        `the root's key is not here to make another: put it back as ${shown(cli, rootKeyPath(issuer.layout, ca))}, ` +
        "run fleetsec ca crl, and reload what reads the CRL",
    );
  }
}
