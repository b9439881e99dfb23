import { type Attack, withoutIdentity } from "../attack.ts";
import { modernTls } from "./fixes.ts";

/**
 * No certificate, over a version that is retired. A server may well speak it to valid clients (that
 * is not what is asked here), but some demand certificates on the newer versions only.
 */
function oldTls(id: string, version: "1.0" | "1.1"): Attack {
  return {
    id,
    title: `no certificate, over TLS ${version}`,
    reference: "RFC 8996",
    meaning: `TLS ${version} is spoken, and clients without a certificate are served over it`,
    fix: modernTls,
    weight: "required",
    takesIdentity: false,
    versions: [version],
    plan: async () => ({ attempts: [withoutIdentity("no-certificate")] }),
  };
}

export const tls10 = oldTls("tls10", "1.0");
export const tls11 = oldTls("tls11", "1.1");
