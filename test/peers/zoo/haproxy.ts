import { lax, type Member, run, strict } from "./zoo.ts";

function haproxy(bind: string, rules = ""): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port) => {
      const { put, ca, world } = enclosure;
      const pair = put("pair.pem", world.server.pem + world.server.keyPem);
      const config = put(
        "haproxy.cfg",
        `defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend gateway
  bind 127.0.0.1:${port} ssl crt ${pair} ca-file ${ca} ssl-min-ver TLSv1.2 ${bind}
${rules}
  http-request return status 200 content-type text/plain string "welcome to the fleet"
`,
      );
      return ["-db", "-f", config];
    });
}

const USED = "  http-request deny unless { ssl_c_used }";
const VERIFIED = `${USED} { ssl_c_verify 0 }`;

export const haproxies: readonly Member[] = [
  ...strict("HAProxy", "https", {
    "`verify required`": haproxy("verify required"),
    "`verify optional`, and deny unless the certificate is there and verified": haproxy(
      "verify optional crt-ignore-err all ca-ignore-err all",
      VERIFIED,
    ),
  }),
  ...lax("HAProxy", "https", {
    "`verify none`": [["no-cert"], haproxy("verify none")],
    "`verify optional`": [["no-cert"], haproxy("verify optional")],
    "`verify optional`, ignoring errors, and deny unless `ssl_c_used`": [
      ["self-signed", "wrong-ca", "twin-ca", "expired"],
      haproxy("verify optional crt-ignore-err all ca-ignore-err all", USED),
    ],
  }),
];
