import { type Attack, asking, type Attempt } from "../attack.ts";
import type { Protocol } from "../protocol.ts";
import type { HttpRequest } from "../protocols/http.ts";
import { changing } from "../methods.ts";
import {
  asOtherPath,
  asOtherRequest,
  asSameRequest,
  asStranger,
  type Revise,
  unlessEmpty,
} from "../variant.ts";
import { normalizePaths } from "./fixes.ts";
import { otherSessions } from "./mqtt-sessions.ts";

/** Ways to write a path that one program takes for another path, and the next one does not. */
const SPELLINGS: readonly (readonly [kind: string, spell: (path: string) => string])[] = [
  ["//", (path) => `/${path}`],
  ["/./", (path) => `/.${path}`],
  ["/x/../", (path) => `/x/..${path}`],
  ["/x/%2e%2e/", (path) => `/x/%2e%2e${path}`],
  ["%2f", (path) => `/${path.slice(1).replaceAll("/", "%2f")}`],
  [
    "an encoded letter",
    (path) => path.replace(/[a-z](?=[^/]*$)/i, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  ],
  [";", (path) => path.replace(/^\/([^/]*)/, "/$1;x=y")],
  ["/..;/", (path) => `/x/..;${path}`],
  ["upper case", (path) => path.toUpperCase()],
  ["a slash at the end", (path) => `${path}/`],
  // servers and frameworks treat what looks like a style sheet as such, or drop the suffix
  [".css", (path) => `${path}.css`],
  ["a backslash", (path) => `\\${path.slice(1)}`],
  // most servers take a path for none that does not begin with a slash
  ["/\\", (path) => `/\\${path.slice(1)}`],
  ["a backslash within", (path) => path.replace(/(?<=.)\/(?=[^/]+$)/, "\\")],
  // where texts end in C
  ["%00", (path) => `${path}%00`],
];

/** That of nobody. */
const UNKNOWN = "FLEETSEC";
/** One that servers know and rules forget: Node's parser takes no other than those that it knows (RFC 4918, section 9.1). */
const FORGOTTEN = "PROPFIND";

/**
 * Rules about certificates that stand in front of paths: a gateway and the service behind it may not
 * agree on what a path is.
 */
export const pathTricks: Attack = {
  id: "path-tricks",
  title: "no certificate, odd paths, methods or sessions",
  reference: "CWE-436, RFC 3986 section 6.2.2",
  meaning:
    "certificates are demanded for one way to ask, such as a spelling of the path, and not for another",
  fix: normalizePaths,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan(scene) {
    const { protocol, target } = scene;
    if (target.scheme === "mqtts") return { attempts: otherSessions(scene) };
    if (protocol.http === undefined || target.scheme === "grpcs") {
      return { outcome: "not-applicable", reason: "the service has no paths" };
    }
    const { request, ask } = protocol.http;
    const spelt = spellings(request).map(([kind, path]) =>
      revised(asking(ask({ ...request, path }), kind), asOtherPath),
    );
    const methods = otherMethods(request, target.unsafeMethods === true).map(([method, revise]) =>
      revised(asking(ask(withMethod(request, method)), method), revise),
    );
    const overridden = methods.some(({ kind }) => kind === "OPTIONS")
      ? [revised(asking(ask(overriding(request)), OVERRIDDEN), unlessEmpty(asOtherPath))]
      : [];
    const older = protocol.speech.in === "http1" ? onlyInHttp1(request, ask) : [];
    const queried = { ...request, path: `${request.path}?x` };
    const expecting = [["100-continue", "Expect"] as const, ["fleetsec", "Expect: fleetsec"] as const].map(
      ([expected, kind]) => revised(asking(ask(withField(request, "expect", expected)), kind), asSameRequest),
    );
    const others = [
      ...(request.path.includes("?") ? [] : [revised(asking(ask(queried), "a query"), asOtherPath)]),
      revised(asking(ask(withField(request, "range", "bytes=0-")), "Range"), asSameRequest),
      revised(asking(ask(namedInFields(request)), "X-Original-URL"), asOtherPath),
    ];
    return { attempts: [...spelt, ...methods, ...overridden, ...older, ...expecting, ...others] };
  },
};

/**
 * A rule that names the target's method may forget the others. What another method is granted that asks for
 * something else (OPTIONS, and all but the target's where that is a POST, say) may be for everybody.
 */
function otherMethods({ method }: HttpRequest, unsafe: boolean): [method: string, revise: Revise][] {
  if (method === "HEAD" || method === "OPTIONS") return [];
  const revise = method === "GET" ? asSameRequest : asOtherPath;
  const safe: [string, Revise][] = [
    ["HEAD", unlessEmpty(revise)],
    [UNKNOWN, revise],
    [FORGOTTEN, revise],
    // methods are told apart by case (RFC 9110, section 9.1)
    ["get", revise],
    ["OPTIONS", unlessEmpty(asOtherPath)],
    ["GET", asOtherPath],
  ];
  const others = unsafe ? changing.map((one): [string, Revise] => [one, asStranger]) : [];
  return [...safe, ...others].filter(([one]) => one !== method && (one !== "get" || method === "GET"));
}

const OVERRIDDEN = "OPTIONS with X-HTTP-Method-Override";

/**
 * The method that rules about certificates spare most often, for browsers send no certificate with a CORS preflight,
 * and the field by which frameworks take it for another one: the target's.
 */
function overriding(request: HttpRequest): HttpRequest {
  const asked = withMethod(request, "OPTIONS");
  const names = ["x-http-method-override", "x-http-method", "x-method-override"];
  return { ...asked, fields: [...asked.fields, ...names.map((name) => [name, request.method] as const)] };
}

/** Without what the target's own method sends, but where another of its kind may send the same. */
function withMethod(request: HttpRequest, method: string): HttpRequest {
  if (!changing.includes(method)) {
    const kept = request.fields.filter(([name]) => name !== "content-type");
    // of what lies below, nothing is asked for
    const fields = method === FORGOTTEN ? [...kept, ["depth", "0"] as const] : kept;
    return { ...request, method, fields, body: undefined };
  }
  return { ...request, method, body: request.body ?? new Uint8Array() };
}

function withField(request: HttpRequest, name: string, value: string): HttpRequest {
  return { ...request, fields: [...request.fields, [name, value]] };
}

/** What HTTP/2 has no words for. */
function onlyInHttp1(request: HttpRequest, ask: (request: HttpRequest) => Protocol): Attempt[] {
  const absolute = { ...request, path: `https://${request.authority}${request.path}` };
  return [
    revised(asking(ask({ ...request, version: "1.0" }), "HTTP/1.0"), asSameRequest),
    // for nobody's host, which may be another one's
    revised(
      asking(ask({ ...request, version: "1.0", withoutHost: true }), "HTTP/1.0 without Host"),
      asOtherRequest,
    ),
    // RFC 9112, section 3.2.2
    revised(asking(ask(absolute), "a whole URL"), asOtherPath),
  ];
}

/** To nowhere, and to the target in the fields by which frameworks are told what a proxy has rewritten. */
function namedInFields(request: HttpRequest): HttpRequest {
  const names = ["x-original-url", "x-rewrite-url"];
  const fields = [...request.fields, ...names.map((name) => [name, request.path] as const)];
  return { ...request, path: "/fleetsec-probe", fields };
}

function spellings({ path }: HttpRequest): [kind: string, path: string][] {
  const [, bare = "/", query = ""] = /^([^?]*)(.*)$/.exec(path) ?? [];
  return SPELLINGS.map(([kind, spell]): [string, string] => [kind, `${spell(bare)}${query}`]).filter(
    ([, spelt]) => spelt !== path,
  );
}

function revised(attempt: Attempt, revise: Revise): Attempt {
  return { ...attempt, revise };
}
