import { type Attack, type Attempt, inEachFamily, withoutIdentity } from "../attack.ts";
import type { Protocol } from "../protocol.ts";
import { h2 } from "../protocols/h2.ts";
import { https } from "../protocols/https.ts";
import { asSameRequest } from "../variant.ts";
import { verifyClients } from "./fixes.ts";

/**
 * The same request over the other version of HTTP. What answers to one ALPN name may be set up apart
 * from what answers to the other: a filter chain of Envoy's, say.
 */
export const otherAlpn: Attack = {
  id: "other-alpn",
  title: "over the other version of HTTP",
  reference: "RFC 7301 section 3.2",
  meaning: "certificates are demanded on one version of HTTP, and not on the other",
  fix: verifyClients,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol, forgery, families, target }) {
    if (protocol.http === undefined || target.scheme === "grpcs") {
      return { outcome: "not-applicable", reason: "the service speaks one version of HTTP, or none" };
    }
    const { request } = protocol.http;
    const [kind, other]: [string, Protocol] =
      target.scheme === "h2" ? ["HTTP/1.1", https(request)] : ["HTTP/2", h2(request)];
    const over = (attempt: Attempt): Attempt => ({
      ...attempt,
      kind: attempt.kind === "" ? kind : `${attempt.kind} over ${kind}`,
      protocol: other,
      revise: asSameRequest,
    });
    const selfSigned = await inEachFamily(
      families.slice(0, 1),
      async (family) => {
        const issuer = await forgery.authority(family, forgery.names.subject);
        return forgery.leaf({ family, issuer: { ...issuer, chain: [] } });
      },
      "an unknown CA",
    );
    return { attempts: [over(withoutIdentity("no-certificate")), ...selfSigned.map(over)] };
  },
};
