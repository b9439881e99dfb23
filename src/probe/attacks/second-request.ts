import { type Attack, asking } from "../attack.ts";
import { keptAlive } from "../protocols/kept-alive.ts";
import { keptAliveGrpc, keptAliveHttp2 } from "../protocols/kept-alive-h2.ts";
import { asOtherRequest } from "../variant.ts";
import { everyRequest } from "./fixes.ts";

/**
 * A check that belongs to each request, made for the first one of a connection: who is let through there, or
 * turned away, is not looked at again. The first request is for another path, which may be for everybody.
 * A server that handles what it reads at once may look at the first request of each read alone. A session's cookie may
 * be given to whoever asks, and be all that later requests need, on whatever connection.
 */
export const secondRequest: Attack = {
  id: "second-request",
  title: "no certificate, later on one connection",
  reference: "RFC 9112 section 9.3, RFC 9113 section 5.1, CWE-613",
  meaning: "certificates are demanded of the first request of a connection, and not of later ones",
  fix: everyRequest,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol, target }) {
    if (protocol.http === undefined)
      return { outcome: "not-applicable", reason: "the service speaks no HTTP" };
    const { request } = protocol.http;
    if (target.scheme === "grpcs") return { attempts: [asking(keptAliveGrpc(request), "")] };
    const withCookie = { ...asking(protocol, "with the denial's cookie"), bringsCookies: true as const };
    if (protocol.speech.in === "http2")
      return { attempts: [asking(keptAliveHttp2(request), ""), withCookie] };
    const atOnce = asking(keptAlive(request, true), "in one write");
    // who leaves what comes too early unread does so to everybody
    return {
      attempts: [asking(keptAlive(request), ""), { ...atOnce, revise: asOtherRequest }, withCookie],
    };
  },
};
