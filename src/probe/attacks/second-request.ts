import { type Attack, asking } from "../attack.ts";
import { keptAlive } from "../protocols/kept-alive.ts";
import { everyRequest } from "./fixes.ts";

/**
 * A check that belongs to each request, made for the first one of a connection: who is let through there, or
 * turned away, is not looked at again. The first request is for another path, which may be for everybody.
 */
export const secondRequest: Attack = {
  id: "second-request",
  title: "no certificate, later on one connection",
  reference: "RFC 9112 section 9.3, CWE-613",
  meaning: "certificates are demanded of the first request of a connection, and not of later ones",
  fix: everyRequest,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol }) {
    if (protocol.http === undefined)
      return { outcome: "not-applicable", reason: "the service speaks no HTTP" };
    if (!protocol.alpn.includes("http/1.1")) {
      return { outcome: "not-applicable", reason: "the target is asked over HTTP/2" };
    }
    return { attempts: [asking(keptAlive(protocol.http.request), "")] };
  },
};
