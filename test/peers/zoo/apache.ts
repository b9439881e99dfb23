import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lax, type Member, run, strict } from "./zoo.ts";

const MODULES = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "dir", "rewrite"];

function apache(directives: string): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port) => {
      const { directory, cert, key, ca, put } = enclosure;
      mkdirSync(join(directory, "www"));
      writeFileSync(join(directory, "www", "index.html"), "welcome to the fleet\n");
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
<VirtualHost 127.0.0.1:${port}>
  SSLEngine on
  SSLProtocol -all +TLSv1.2 +TLSv1.3
  SSLCertificateFile ${cert}
  SSLCertificateKeyFile ${key}
  SSLCACertificateFile ${ca}
  SSLVerifyDepth 3
  ${directives}
</VirtualHost>
`,
      );
      return ["-X", "-f", config];
    });
}

export const apaches: readonly Member[] = [
  ...strict("Apache", "https", {
    "`SSLVerifyClient require`": apache("SSLVerifyClient require"),
    "`optional`, and `Require` that the client is verified": apache(
      'SSLVerifyClient optional\n  <Location />\n    Require expr %{SSL_CLIENT_VERIFY} == "SUCCESS"\n  </Location>',
    ),
  }),
  ...lax("Apache", "https", {
    "`SSLVerifyClient none`": [["no-cert"], apache("SSLVerifyClient none")],
    "`SSLVerifyClient optional`": [["no-cert"], apache("SSLVerifyClient optional")],
    "`SSLVerifyClient optional_no_ca`": [
      ["no-cert", "self-signed", "wrong-ca"],
      apache("SSLVerifyClient optional_no_ca"),
    ],
  }),
];
