import { lax, type Member, run } from "./zoo.ts";

function gnutls(mode: string, ...flags: readonly string[]): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port) => {
      const { cert, key, ca } = enclosure;
      const keys = ["--x509certfile", cert, "--x509keyfile", key, "--x509cafile", ca];
      return ["--port", String(port), mode, "--quiet", ...keys, ...flags];
    });
}

export const gnutlses: readonly Member[] = [
  // it verifies the chain, and never for what the certificate may be used: none of its configurations is strict
  ...lax("gnutls-serv", "tls", {
    "`--require-client-cert --verify-client-cert`": [
      ["server-auth-only"],
      gnutls("--echo", "--require-client-cert", "--verify-client-cert"),
    ],
    "`--require-client-cert`": [
      ["self-signed", "wrong-ca", "expired"],
      gnutls("--echo", "--require-client-cert"),
    ],
  }),
  ...lax("gnutls-serv", "https", {
    "`--disable-client-cert`": [["no-cert"], gnutls("--http", "--disable-client-cert")],
  }),
];
