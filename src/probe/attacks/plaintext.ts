import { type Attack, withoutIdentity } from "../attack.ts";
import { modernTls } from "./fixes.ts";

export const plaintext: Attack = {
  id: "plaintext",
  title: "no TLS at all",
  reference: "RFC 9325 section 3.2",
  meaning: "the port serves clients without TLS, and so without any certificate",
  fix: modernTls,
  weight: "required",
  takesIdentity: false,
  versions: [null],
  plan: async () => ({ attempts: [withoutIdentity("no-tls")] }),
};
