import { type Attack, asking } from "../attack.ts";
import { asOtherRequest } from "../variant.ts";
import { matchAuthority } from "./fixes.ts";

/**
 * The handshake is for the target's name, the request for another one: what decides by the name in the
 * request whether a certificate is demanded may still lead to the same service.
 */
export const authoritySwitch: Attack = {
  id: "authority-switch",
  title: "no certificate, another Host",
  reference: "RFC 9113 section 9.1.2, CVE-2025-23048",
  meaning: "whoever names another virtual host in the request is served without a certificate",
  fix: matchAuthority,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol, target }) {
    if (protocol.http === undefined)
      return { outcome: "not-applicable", reason: "the service speaks no HTTP" };
    const { request, ask } = protocol.http;
    const names = ["localhost", "fleetsec-probe.invalid", `${target.host}.`, "127.0.0.1"];
    const attempts = names
      .filter((name) => name !== target.host)
      .map((name) => ({ ...asking(ask({ ...request, authority: name }), name), revise: asOtherRequest }));
    return { attempts };
  },
};
