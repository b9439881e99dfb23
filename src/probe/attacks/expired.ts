import { checkPurpose } from "./fixes.ts";
import { fromCa } from "./from-ca.ts";

export const expired = fromCa({
  id: "expired",
  title: "expired a day ago",
  reference: "RFC 5280 section 6.1.3 (a)(2)",
  meaning: "certificates never end: a stolen or decommissioned one works for ever",
  fix: checkPurpose,
  weight: "required",
  changes: { period: "past" },
});
