import { checkPurpose } from "./fixes.ts";
import { fromCa } from "./from-ca.ts";

export const notYetValid = fromCa({
  id: "not-yet-valid",
  title: "valid from tomorrow",
  reference: "RFC 5280 section 6.1.3 (a)(2)",
  meaning: "validity periods are not checked",
  fix: checkPurpose,
  weight: "required",
  changes: { period: "future" },
});
