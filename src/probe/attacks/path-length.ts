import { encodeName } from "../../pki/name.ts";
import { issuerOf } from "../identities/issuer.ts";
import { checkPurpose } from "./fixes.ts";
import { belowCa } from "./from-ca.ts";

const UPPER = encodeName([{ type: "CN", value: "fleetsec probe CA without CAs below it" }]);
const LOWER = encodeName([{ type: "CN", value: "fleetsec probe CA below that" }]);

/** A CA that may have none below it, one below it all the same, and its leaf. */
export const pathLength = belowCa({
  id: "path-length",
  title: "from a CA that must not be one",
  reference: "RFC 5280 section 6.1.4 (l)",
  meaning: "the path length of CAs is not checked: a CA for one purpose can make others",
  fix: checkPurpose,
  weight: "required",
  async forge(forgery, ca, family) {
    const upper = await forgery.authority(family, UPPER, { issuer: issuerOf(ca), pathLength: 0 });
    const issuer = await forgery.authority(family, LOWER, { issuer: upper });
    return forgery.leaf({ family, issuer });
  },
});
