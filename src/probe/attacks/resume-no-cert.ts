import { type Attack, inSessionOf } from "../attack.ts";
import { noBorrowedSessions } from "./fixes.ts";

/**
 * A client without a certificate is given a session before, or although, the server denies it, and
 * comes back with that. Where the service asks its library whether the client was verified, the
 * library may say yes: there is no failed verification in the session.
 */
export const resumeNoCert: Attack = {
  id: "resume-no-cert",
  title: "no certificate, in the session of a client without one",
  reference: "RFC 8446 sections 2.2 and 4.6.1",
  meaning: "a second visit makes a verified client out of one that never had a certificate",
  fix: noBorrowedSessions,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  plan: async () => ({ attempts: [inSessionOf({ identity: undefined }, "")] }),
};
