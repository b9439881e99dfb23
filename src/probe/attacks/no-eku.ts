import { checkPurpose } from "./fixes.ts";
import { fromCa } from "./from-ca.ts";

export const noEku = fromCa({
  id: "no-eku",
  title: "without extended key usage",
  reference: "RFC 5280 section 4.2.1.12",
  meaning:
    "certificates without a stated purpose act as clients, as the RFC allows: keep the CA from issuing any",
  fix: checkPurpose,
  weight: "reported",
  changes: { purposes: [] },
});
