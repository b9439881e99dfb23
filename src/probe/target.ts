import { isIP } from "node:net";
import { FleetsecError } from "../errors.ts";
import { isMethod } from "./methods.ts";

/** What speaks at a target, by the scheme of its URL. */
export const schemes = ["https", "h2", "grpcs", "mqtts", "tls"] as const;
export type Scheme = (typeof schemes)[number];

/** Where to probe, and what. */
export interface Target {
  /** As the report names it. */
  readonly url: string;
  readonly scheme: Scheme;
  /** A DNS name in lower case, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Of an HTTP request; `GET` unless told. */
  readonly method: string;
  /** Path and query of an HTTP request, or the method of a gRPC call. */
  readonly path: string;
  /** Header fields that an HTTP request has to hold; names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** What an HTTP request carries. */
  readonly body: { readonly type: string; readonly bytes: Uint8Array } | undefined;
  /** It may also be tried with methods that may change something. */
  readonly unsafeMethods?: boolean;
  /** The name that TLS asks for and that the server's certificate must hold, where that is not the host. */
  readonly serverName?: string;
  /** The URL of the target that this is another port of. */
  readonly siblingOf?: string;
  /** Who else is to be served, and who is not. */
  readonly expected?: readonly Expectation[];
}

/** That clients with a certificate of a role are served, or are not. */
export interface Expectation {
  readonly role: string;
  readonly outcome: "allowed" | "denied";
}

/** Those that have a port of their own. */
const DEFAULT_PORT: Partial<Record<Scheme, number>> = { https: 443, h2: 443, mqtts: 8883 };
/** Where none is named; the others take none. */
const DEFAULT_PATH: Partial<Record<Scheme, string>> = {
  https: "/",
  h2: "/",
  grpcs: "/grpc.health.v1.Health/Check",
};

/**
 * Reads a target: a URL, before which an HTTP method may stand: `HEAD https://gateway.example/`.
 * @throws FleetsecError `usage` for what is no URL, an unknown scheme, user information, a
 *   fragment, a path that the scheme does not have, or a missing or impossible port
 */
export function parseTarget(text: string): Target {
  const [, method = "GET", url = text] = /^([A-Z]{1,16}) (.*)$/s.exec(text) ?? [];
  const { scheme, host, port, path } = splitUrl(url);
  if (!isScheme(scheme)) {
    throw refused(text, `unknown scheme ${scheme}`, `use ${schemes.map((name) => `${name}://`).join(", ")}`);
  }
  const number = port === undefined ? DEFAULT_PORT[scheme] : Number(port);
  if (number === undefined) throw refused(text, "the port is missing", `write ${scheme}://HOST:PORT`);
  if (number < 1 || number > 65_535) throw refused(text, `port ${port} is not within 1-65535`);
  if (!isMethod(method) || (url !== text && scheme !== "https" && scheme !== "h2")) {
    throw refused(text, `${method} is no method that ${scheme}:// is asked with`);
  }
  return {
    url: text,
    scheme,
    host: host.toLowerCase(),
    port: number,
    method,
    path: pathOf(text, scheme, path),
    fields: [],
    body: undefined,
  };
}

/** The same at another port of the host, which may serve whom the first one does not. */
export function atPort(target: Target, port: number): Target {
  const { url } = target;
  // the port is the last part of the authority; a method may stand before the URL
  const moved = url.replace(/(:\/\/(?:\[[^\]/?]*\]|[^:/?]*))(?::\d{1,5})?/, `$1:${port}`);
  return { ...target, url: moved, port, siblingOf: url };
}

function pathOf(text: string, scheme: Scheme, path: string): string {
  const isEmpty = path === "" || path === "/";
  if (DEFAULT_PATH[scheme] === undefined && !isEmpty) throw refused(text, `${scheme}:// takes no path`);
  if (scheme === "grpcs" && !isEmpty && !/^\/[A-Za-z_][\w.]*\/[A-Za-z_]\w*$/.test(path)) {
    throw refused(text, "that is no gRPC method", "write it as grpcs://HOST:PORT/package.Service/Method");
  }
  return isEmpty ? (DEFAULT_PATH[scheme] ?? "/") : path;
}

/** Case is insignificant only in scheme and host. */
const URL_FORM =
  /^(?<scheme>[A-Za-z][A-Za-z0-9+.-]{0,15}):\/\/(?<authority>[^/?#]{1,512})(?<path>[/?][^#]{0,8000})?$/;
const AUTHORITY_FORM =
  /^(?:\[(?<ipv6>[0-9A-Fa-f:.]{2,45})\]|(?<name>[A-Za-z0-9._-]{1,253}))(?::(?<port>\d{1,5}))?$/;

function splitUrl(text: string) {
  const url = URL_FORM.exec(text)?.groups;
  if (url === undefined)
    throw refused(
      text,
      "not a URL",
      `write it as https://HOST:PORT/PATH, or with ${schemes.slice(1).join(", ")}`,
    );
  const { scheme = "", authority = "", path = "" } = url;
  if (authority.includes("@")) throw refused(text, "a target holds no user name or password");
  const at = AUTHORITY_FORM.exec(authority)?.groups;
  const host = at?.["ipv6"] ?? at?.["name"];
  if (host === undefined || (at?.["ipv6"] !== undefined && isIP(host) !== 6)) {
    throw refused(text, "the host is neither a name nor an IP address");
  }
  // a request line ends at a space: what stands in the path must not write a request of its own
  if (/[^\u0021-\u007e]/.test(path)) throw refused(text, "the path has characters that a URL cannot hold");
  return {
    scheme: scheme.toLowerCase(),
    host,
    port: at?.["port"],
    path: path.startsWith("?") ? `/${path}` : path,
  };
}

function isScheme(text: string): text is Scheme {
  return (schemes as readonly string[]).includes(text);
}

function refused(text: string, message: string, hint?: string): FleetsecError {
  return new FleetsecError("usage", `${withoutUser(text)}: ${message}`, { hint });
}

/** What is told of a text that should be a URL: everything before its last @ may hold a password. */
export function withoutUser(text: string): string {
  const at = text.lastIndexOf("@");
  if (at < 0) return text;
  const scheme = /^(?:[A-Z]{1,16} )?[A-Za-z][A-Za-z0-9+.-]{0,15}:\/\//.exec(text)?.[0] ?? "";
  return `${at < scheme.length ? "" : scheme}***${text.slice(at)}`;
}

/** The Host of a request, or the host part of a message: an IPv6 address stands in brackets. */
export function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
