import { randomBytes } from "node:crypto";
import { beside, lax, type Member, run, strict } from "./zoo.ts";

/**
 * @param bind with `crt-list HOSTS`, a list of a host that demands nothing and of the target, which demands certificates
 * @param other of a second frontend; in both, `TICKETS` is the file of keys for tickets that they have in common
 */
function haproxy(bind: string, rules = "", other?: string): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port, second) => {
      const { put, ca, world } = enclosure;
      const tickets = put("tickets.keys", `${Array.from({ length: 3 }, newTicketKey).join("\n")}\n`);
      const pair = put("pair.pem", world.server.pem + world.server.keyPem);
      const hosts = put(
        "hosts",
        `${pair} [verify none] *\n${pair} [verify required ca-file ${ca}] localhost\n`,
      );
      const pairFor = (one: string) => (one.includes("crt-list") ? "" : `crt ${pair} ca-file ${ca}`);
      const config = put(
        "haproxy.cfg",
        `defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend gateway
  bind 127.0.0.1:${port} ssl ${pairFor(bind)} ssl-min-ver TLSv1.2 ${bind}
${rules}
  http-request return status 200 content-type text/plain string "welcome to the fleet"
${
  other === undefined
    ? ""
    : `frontend other
  bind 127.0.0.1:${second} ssl ${pairFor(other)} ssl-min-ver TLSv1.2 ${other}
  http-request return status 200 content-type text/plain string "welcome to the fleet"`
}
`
          .replaceAll("TICKETS", tickets)
          .replaceAll("HOSTS", hosts),
      );
      return ["-db", "-f", config];
    });
}

function newTicketKey(): string {
  return randomBytes(48).toString("base64");
}

/** Of whom the handshake demands some certificate. */
const ANY = "verify required crt-ignore-err all ca-ignore-err all";
const UNVERIFIED = "{ ssl_c_verify gt 0 }";

/** Everybody else is another host's. */
const OWN_NAME = "  http-request deny unless { ssl_fc_sni localhost }";

const USED = "  http-request deny unless { ssl_c_used }";
const VERIFIED = `${USED} { ssl_c_verify 0 }`;

export const haproxies: readonly Member[] = [
  ...strict("HAProxy", "https", {
    "`verify required`": haproxy("verify required"),
    "`verify required`, beside a `bind` with `verify optional`": beside(
      "port",
      haproxy("verify required", "", "verify optional"),
    ),
    "`verify optional`, and deny unless the certificate is there and verified": haproxy(
      "verify optional crt-ignore-err all ca-ignore-err all",
      VERIFIED,
    ),
    "`verify required`, ignoring errors, and deny unless `ssl_c_verify` is 0": haproxy(
      ANY,
      `  http-request deny if ${UNVERIFIED}`,
    ),
    "`verify required` for one name of a `crt-list`, `verify none` for others, and deny unless `ssl_c_used`":
      haproxy("crt-list HOSTS", `${OWN_NAME}\n${USED}`),
  }),
  ...lax("HAProxy", "https", {
    "`verify required`, ignoring errors, and deny at one path where `ssl_c_verify` is not 0": [
      ["path-tricks", "h2c-upgrade"],
      haproxy(ANY, `  http-request deny if { path / } ${UNVERIFIED}`),
      "alone",
    ],
    "`verify optional`, and deny unless the client is verified or the field `X-SSL-Client-DN` names one": [
      ["header-spoof"],
      haproxy(
        "verify optional",
        "  http-request deny if !{ ssl_c_used } !{ req.hdr(X-SSL-Client-DN) -m sub /CN=client }",
      ),
      "alone",
    ],
    "`verify none`": [["no-cert"], haproxy("verify none")],
    "`verify optional`": [["no-cert"], haproxy("verify optional")],
    "`verify optional`, and deny unless `ssl_c_verify` is 0, which it is without a certificate": [
      ["no-cert"],
      haproxy("verify optional", "  http-request deny unless { ssl_c_verify 0 }"),
    ],
    "`verify required crt-ignore-err 10`": [["expired"], haproxy("verify required crt-ignore-err 10")],
    "`verify required ca-ignore-err 20`": [
      ["wrong-ca", "twin-ca"],
      haproxy("verify required ca-ignore-err 20"),
    ],
    "`verify required`, beside a `bind` with `verify optional`, `tls-ticket-keys` in common": [
      ["resume-cross-host"],
      beside(
        "port",
        haproxy("verify required tls-ticket-keys TICKETS", "", "verify optional tls-ticket-keys TICKETS"),
      ),
    ],
    "`verify required` for one name of a `crt-list`, and `verify none` for others, who are denied": [
      ["resume-cross-host"],
      haproxy("crt-list HOSTS", OWN_NAME),
      "alone",
    ],
    "`verify optional`, ignoring errors, and deny unless `ssl_c_used`": [
      ["self-signed", "wrong-ca", "twin-ca", "expired"],
      haproxy("verify optional crt-ignore-err all ca-ignore-err all", USED),
    ],
  }),
];
