import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BESIDE, beside, lax, type Member, run, strict, withUnsafeMethods } from "./zoo.ts";

const MODULES = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "dir", "rewrite"];

/** @param other of a virtual host beside it, under another name and with the same keys for tickets */
function apache(directives: string, other?: string): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port) => {
      const { directory, cert, key, ca, put } = enclosure;
      mkdirSync(join(directory, "www"));
      writeFileSync(join(directory, "www", "index.html"), "welcome to the fleet\n");
      const tickets = join(directory, "tickets.key");
      writeFileSync(tickets, randomBytes(48), { mode: 0o600 });
      const virtualHost = (name: string, own: string) => `<VirtualHost 127.0.0.1:${port}>
  ServerName ${name}
  SSLEngine on
  SSLProtocol -all +TLSv1.2 +TLSv1.3
  SSLCertificateFile ${cert}
  SSLCertificateKeyFile ${key}
  SSLCACertificateFile ${ca}
  SSLVerifyDepth 3
  ${other === undefined ? "" : `SSLSessionTicketKeyFile ${tickets}`}
  ${own}
</VirtualHost>
`;
      const config = put(
        "httpd.conf",
        `ServerRoot ${directory}
ServerName localhost
PidFile ${directory}/httpd.pid
ErrorLog ${directory}/error.log
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
Listen 127.0.0.1:${port}
DocumentRoot ${directory}/www
DirectoryIndex index.html
<Directory ${directory}/www>
  Require all granted
</Directory>
${virtualHost("localhost", directives)}
${other === undefined ? "" : virtualHost(BESIDE, other)}`,
      );
      return ["-X", "-f", config];
    });
}

/** TLS has to ask again, once the path is known. */
/** The client is verified, for some methods. */
const limited = (limit: string) =>
  apache(
    `SSLVerifyClient optional
  <Location />
    ${limit}
      Require expr %{SSL_CLIENT_VERIFY} == "SUCCESS"
    </Limit>
  </Location>`,
  );
const inLocation = (directive: string) => apache(`<Location />\n    ${directive}\n  </Location>`);

export const apaches: readonly Member[] = [
  ...strict("Apache", "https", {
    "`SSLVerifyClient require`": apache("SSLVerifyClient require"),
    "the same, beside a virtual host with `optional`, tickets' keys in common": beside(
      "name",
      apache("SSLVerifyClient require", "SSLVerifyClient optional"),
    ),
    // the forged chains that are longer end with internal_error
    "`SSLVerifyClient require`, `SSLVerifyDepth 2`": apache("SSLVerifyClient require\n  SSLVerifyDepth 2"),
    "`optional`, and `Require` that the client is verified": apache(
      'SSLVerifyClient optional\n  <Location />\n    Require expr %{SSL_CLIENT_VERIFY} == "SUCCESS"\n  </Location>',
    ),
    "the same, probed with `--allow-unsafe-methods`": withUnsafeMethods(
      apache(
        'SSLVerifyClient optional\n  <Location />\n    Require expr %{SSL_CLIENT_VERIFY} == "SUCCESS"\n  </Location>',
      ),
    ),
    // over TLS 1.3 it serves nobody there who has not offered to be asked afterwards
    "`SSLVerifyClient require` in a `<Location>` alone": inLocation("SSLVerifyClient require"),
  }),
  ...lax("Apache", "https", {
    "`SSLVerifyClient none`": [["no-cert"], apache("SSLVerifyClient none")],
    "`SSLVerifyClient optional`": [["no-cert"], apache("SSLVerifyClient optional")],
    "`SSLVerifyClient optional_no_ca`": [
      ["no-cert", "self-signed", "wrong-ca"],
      apache("SSLVerifyClient optional_no_ca"),
    ],
    "`optional`, and `Require` that the client is verified in a `<Limit GET>`, probed with `--allow-unsafe-methods`":
      [["path-tricks"], withUnsafeMethods(limited("<Limit GET>")), "alone"],
    "`SSLVerifyClient optional_no_ca` in a `<Location>` alone": [
      ["no-cert", "self-signed", "wrong-ca"],
      inLocation("SSLVerifyClient optional_no_ca"),
    ],
  }),
];
