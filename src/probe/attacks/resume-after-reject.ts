import { type Attack, inSessionOf } from "../attack.ts";
import { issuerOf } from "../identities/issuer.ts";
import { noBorrowedSessions } from "./fixes.ts";
import { selfSignedLeaf } from "./self-signed.ts";

/** A client with a forged certificate is given a session, refused, and comes back with that. */
export const resumeAfterReject: Attack = {
  id: "resume-after-reject",
  title: "in the session of a client that was refused",
  reference: "RFC 8446 section 4.6.1, CVE-2025-68121",
  meaning: "a session that was given before the certificate was judged is believed afterwards",
  fix: noBorrowedSessions,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ forgery, families: [family] }) {
    if (family === undefined) return { attempts: [] };
    const attempts = [inSessionOf({ identity: await selfSignedLeaf(forgery, family) }, "self-signed")];
    if (forgery.ca !== undefined) {
      const issuer = issuerOf(forgery.ca);
      const expired = await forgery.leaf({ family, issuer, period: "past" });
      attempts.push(inSessionOf({ identity: expired }, "expired"));
    }
    return { attempts };
  },
};
