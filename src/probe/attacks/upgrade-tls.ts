import { type Attack, upgrading } from "../attack.ts";
import { opening } from "../opening.ts";
import { modernTls } from "./fixes.ts";

export const upgradeTls: Attack = {
  id: "upgrade-tls",
  title: "no certificate, after Upgrade: TLS",
  reference: "RFC 2817 section 3",
  meaning: "TLS that begins by an upgrade from HTTP demands no certificate",
  fix: modernTls,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol }) {
    if (protocol.http === undefined)
      return { outcome: "not-applicable", reason: "the service speaks no HTTP" };
    const { authority } = protocol.http.request;
    const asking = (line: string) =>
      opening(
        `${line} HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2, TLS/1.0\r\n\r\n`,
        /^HTTP\/1\.1 101 [^\n]*\n(?:[^\n]+\n)*\r?\n/,
      );
    return { attempts: [upgrading(asking("OPTIONS *"), "OPTIONS"), upgrading(asking("GET /"), "GET")] };
  },
};
