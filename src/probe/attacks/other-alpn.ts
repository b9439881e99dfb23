import { type Attack, asking, type Attempt, type Scene } from "../attack.ts";
import type { Protocol } from "../protocol.ts";
import { grpcCall, grpcCallHttp1 } from "../protocols/grpcs.ts";
import { h2 } from "../protocols/h2.ts";
import { type BothVersions, httpByAlpn, withoutAlpn } from "../protocols/http-by-alpn.ts";
import { https } from "../protocols/https.ts";
import { asSameRequest, asSameService, type Revise } from "../variant.ts";
import { verifyClients } from "./fixes.ts";

/** What a ClientHello offers by ALPN, and how its client talks then. */
interface Offer {
  readonly kind: string;
  readonly protocol: Protocol;
  /** Who is excused for it has no certificate at all. */
  readonly withoutAny?: boolean;
}

/**
 * The same request of clients that offer other protocols by ALPN than the control, or none. What answers
 * to one list of names may be set up apart from what answers to another: a filter chain of Envoy's, or
 * what Go's GetConfigForClient makes of the ClientHello.
 */
export const otherAlpn: Attack = {
  id: "other-alpn",
  title: "offering other protocols by ALPN, or none",
  reference: "RFC 7301 section 3.2",
  meaning: "what the ClientHello offers by ALPN decides whether certificates are demanded",
  fix: verifyClients,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol, target }) {
    const revise: Revise = protocol.maySayNothing ? asSameService : asSameRequest;
    const offering = ({ kind, protocol: spoken, withoutAny }: Offer): Attempt => ({
      ...asking(spoken, kind),
      revise,
      byStrangers: withoutAny === true ? undefined : "always",
    });
    return { attempts: offersBeside({ protocol, target }).map(offering) };
  },
};

const NONE = "no ALPN";
const UNKNOWN = "fleetsec-probe";
/**
 * What a CA offers that validates a name (RFC 8737, section 3), alone. It has no client's certificate, so
 * that servers which renew their own excuse it; they may excuse whoever offers it beside something else.
 */
const ACME = "acme-tls/1";

/** Everything but what the control offers. */
function offersBeside({ protocol, target }: Pick<Scene, "protocol" | "target">): Offer[] {
  const named = (...alpn: string[]): Offer => ({
    kind: `ALPN ${alpn.join(" and ")}`,
    protocol: { ...protocol, alpn },
    withoutAny: alpn.includes(ACME),
  });
  if (target.scheme === "mqtts") return [named("mqtt"), named(UNKNOWN)];
  if (target.scheme === "tls") {
    return [named("h2", "http/1.1"), named("h2"), named("http/1.1"), named(ACME)];
  }
  if (protocol.http === undefined) {
    return [{ kind: NONE, protocol: withoutAlpn(protocol) }, named(...protocol.alpn, ACME)];
  }
  const { request } = protocol.http;
  const [older, newer]: BothVersions = target.scheme === "grpcs" ? [grpcCallHttp1, grpcCall] : [https, h2];
  const own = protocol.alpn.join();
  // what browsers and curl offer is both, and httpx of Python both the other way round
  const lists = [[], ["h2", "http/1.1"], ["http/1.1", "h2"], ["h2"], ["http/1.1"], [UNKNOWN]];
  const offers = [...lists, [ACME], [...protocol.alpn, ACME]]
    .filter((alpn) => alpn.join() !== own)
    .map((alpn) => ({
      ...named(...alpn),
      ...(alpn.length === 0 ? { kind: NONE } : {}),
      protocol: httpByAlpn(request, alpn, [older, newer]),
    }));
  if (target.scheme === "https") return offers;
  return [...offers, { kind: `${NONE}, HTTP/2 all the same`, protocol: withoutAlpn(newer(request)) }];
}
