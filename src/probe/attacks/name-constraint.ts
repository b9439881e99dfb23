import { nameConstraints } from "../../pki/extensions.ts";
import { encodeName } from "../../pki/name.ts";
import { issuerOf } from "../identities/issuer.ts";
import { checkPurpose } from "./fixes.ts";
import { belowCa } from "./from-ca.ts";

const CONSTRAINED = encodeName([{ type: "CN", value: "fleetsec probe constrained CA" }]);

/** A CA for other names than the valid client's, whatever their kind, and a leaf in that client's. */
export const nameConstraint = belowCa({
  id: "name-constraint",
  title: "from a CA for other names",
  reference: "RFC 5280 section 6.1.3 (b) and (c)",
  meaning: "name constraints are not checked: a CA for one tenant issues in the names of all",
  fix: checkPurpose,
  weight: "required",
  async forge(forgery, ca, family) {
    const constraints = nameConstraints({
      permitted: [
        { type: "dns", value: "fleetsec-probe.invalid" },
        { type: "uri", value: "fleetsec-probe.invalid" },
        { type: "ip-range", value: "192.0.2.1/32" },
      ],
      excluded: [{ type: "dn", value: forgery.claims.subject }],
    });
    const issuer = await forgery.authority(family, CONSTRAINED, {
      issuer: issuerOf(ca),
      nameConstraints: constraints,
    });
    return forgery.leaf({ family, issuer });
  },
});
