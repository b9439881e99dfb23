import { oids } from "../../pki/oids.ts";
import { checkPurpose } from "./fixes.ts";
import { fromCa } from "./from-ca.ts";

export const serverAuthOnly = fromCa({
  id: "server-auth-only",
  title: "for servers only (EKU serverAuth)",
  reference: "RFC 5280 section 4.2.1.12",
  meaning: "every server of this CA can act as a client: a stolen web server key opens the fleet",
  fix: {
    ...checkPurpose,
    haproxy:
      "http-request deny unless the certificate's extended key usage allows it, or issue clients from a CA of their own",
  },
  weight: "required",
  changes: { purposes: [oids.serverAuth] },
});
