import { type Attack, withoutIdentity } from "../attack.ts";
import { verifyClients } from "./fixes.ts";

export const noCert: Attack = {
  id: "no-cert",
  title: "no certificate",
  reference: "RFC 8446 section 4.4.2.4",
  meaning: "anyone who can reach the port is served: client certificates are not demanded",
  fix: verifyClients,
  weight: "essential",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  plan: async () => ({ attempts: [withoutIdentity("no-certificate")] }),
};
