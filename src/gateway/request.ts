import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Identity } from "./identity.ts";

/** Headers that gateways use to pass on an identity: from a client they are forgeries. */
const IDENTITY_HEADER =
  /^(client-cert(-chain)?|forwarded|ssl-client-.*|x-(client|ssl|forwarded-client|forwarded-tls|amzn-mtls|spiffe)-.*|x-ssl-cert|x-forwarded-(for|host|proto|port|user))$/;

/** Headers about one connection only (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * What is wrong with a request target, or undefined. A path that an upstream could read otherwise
 * than the policy did is refused, not repaired.
 */
export function faultOfTarget(target: string): string | undefined {
  if (!target.startsWith("/")) return "not an absolute path";
  const [path = ""] = target.split(/[?#]/, 1);
  if (/%(2e|2f|5c|00)/i.test(path) || /[\\;]/.test(path)) return "an encoded or alternative separator";
  if (path.includes("//") || path.split("/").some((part) => part === "." || part === "..")) {
    return "a path that is not normalised";
  }
  return undefined;
}

/** The headers for the upstream: the client's, less what it must not say, and its verified identity (RFC 9440). */
export function upstreamHeaders(
  request: IncomingMessage,
  identity: Identity,
  requestId: string,
): OutgoingHttpHeaders {
  return {
    ...passedOn(request.headers),
    "client-cert": `:${identity.certificate.toString("base64")}:`,
    "x-request-id": requestId,
  };
}

/** Headers less those of one connection and those that claim an identity. */
export function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).filter(
      // an underscore reads as a dash in CGI and WSGI
      ([name]) =>
        !HOP_BY_HOP.has(name) && !named.has(name) && !IDENTITY_HEADER.test(name.replaceAll("_", "-")),
    ),
  );
}
