import { type Attack, asking, type Attempt } from "../attack.ts";
import type { Protocol } from "../protocol.ts";
import type { HttpRequest } from "../protocols/http.ts";
import { asOtherPath, asSameRequest, unlessEmpty } from "../variant.ts";
import { normalizePaths } from "./fixes.ts";

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
  ["a backslash", (path) => `\\${path.slice(1)}`],
];

/** GET is the control's: a rule that names it may forget the others. The last is nobody's. */
const METHODS = ["HEAD", "FLEETSEC"];

/**
 * Rules about certificates that stand in front of paths: a gateway and the service behind it may not
 * agree on what a path is.
 */
export const pathTricks: Attack = {
  id: "path-tricks",
  title: "no certificate, odd paths and methods",
  reference: "CWE-436, RFC 3986 section 6.2.2",
  meaning: "certificates are demanded for one spelling of the path, and another one leads to the same",
  fix: normalizePaths,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol }) {
    if (protocol.http === undefined || protocol.http.request.method === "POST") {
      return { outcome: "not-applicable", reason: "the service has no paths" };
    }
    const { request, ask } = protocol.http;
    const spelt = spellings(request).map(([kind, path]) =>
      revised(asking(ask({ ...request, path }), kind), asOtherPath),
    );
    const methods = METHODS.filter((method) => method !== request.method && request.method === "GET").map(
      (method) =>
        revised(
          asking(ask({ ...request, method }), method),
          method === "HEAD" ? unlessEmpty(asSameRequest) : asSameRequest,
        ),
    );
    const older = protocol.speech.in === "http1" ? onlyInHttp1(request, ask) : [];
    // what answers OPTIONS may do so for everybody (CORS): only the target's own content is a bypass
    const others = [
      ...(request.path.includes("?")
        ? []
        : [{ kind: "a query", changes: { path: `${request.path}?x` }, revise: asOtherPath }]),
      ...(request.method === "GET"
        ? [{ kind: "OPTIONS", changes: { method: "OPTIONS" }, revise: unlessEmpty(asOtherPath) }]
        : []),
    ].map(({ kind, changes, revise }) => revised(asking(ask({ ...request, ...changes }), kind), revise));
    const named = revised(asking(ask(namedInFields(request)), "X-Original-URL"), asOtherPath);
    return { attempts: [...spelt, ...methods, ...older, ...others, named] };
  },
};

/** What HTTP/2 has no words for. In Node, `Expect` is an event of its own, of which the handler of requests hears nothing. */
function onlyInHttp1(request: HttpRequest, ask: (request: HttpRequest) => Protocol): Attempt[] {
  const expecting = { ...request, fields: [...request.fields, ["expect", "100-continue"] as const] };
  const absolute = { ...request, path: `https://${request.authority}${request.path}` };
  return [
    revised(asking(ask({ ...request, version: "1.0" }), "HTTP/1.0"), asSameRequest),
    revised(asking(ask(expecting), "Expect"), asSameRequest),
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

function revised(attempt: Attempt, revise: NonNullable<Attempt["revise"]>): Attempt {
  return { ...attempt, revise };
}
