import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Animal,
  BESIDE,
  beside,
  type Enclosure,
  lax,
  type Member,
  run,
  strict,
  withSecondCa,
} from "./zoo.ts";

const TLS = "ssl_protocols TLSv1.2 TLSv1.3;";
const WELCOME = 'return 200 "welcome to the fleet\\n";';

function nginx(
  program: string,
  enclosure: Enclosure,
  block: (port: number, other: number) => string,
): Promise<Animal> {
  const { directory, put } = enclosure;
  mkdirSync(join(directory, "t"));
  return run(enclosure, program, (port, other) => {
    put(
      "nginx.conf",
      `daemon off; worker_processes 1; pid nginx.pid; error_log error.log;\n${block(port, other)}\n`,
    );
    return ["-p", directory, "-c", "nginx.conf", "-e", join(directory, "error.log")];
  });
}

function http(directives: string, location = WELCOME, listen = "ssl"): Member["start"] {
  return (program, enclosure) =>
    nginx(program, enclosure, (port) =>
      httpBlock([
        serverBlock(
          enclosure,
          port,
          `ssl_client_certificate ${enclosure.ca}; ${directives}`,
          location,
          listen,
        ),
      ]),
    );
}

function httpBlock(servers: readonly string[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path t/${name};`,
  );
  return `events {}
http {
  access_log off; ${temporary.join(" ")}
  ${servers.join("\n  ")}
}`;
}

function serverBlock(
  { cert, key }: Enclosure,
  port: number,
  directives: string,
  location = WELCOME,
  listen = "ssl",
): string {
  return `server {
    listen 127.0.0.1:${port} ${listen};
    ssl_certificate ${cert}; ssl_certificate_key ${key};
    ssl_verify_depth 3;
    ${directives}
    location / { ${location} }
  }`;
}

/** Sessions in one cache, and tickets under one key. */
function shared({ directory }: Enclosure): string {
  const keys = join(directory, "tickets.key");
  if (!existsSync(keys)) writeFileSync(keys, randomBytes(80), { mode: 0o600 });
  return `ssl_session_cache shared:fleet:1m; ssl_session_ticket_key ${keys};`;
}

/** A `server` that demands certificates, and one beside it under another name that does not. */
const besideLax: Member["start"] = beside("name", (program, enclosure) =>
  nginx(program, enclosure, (port) => {
    const common = `${TLS} ${shared(enclosure)} ssl_client_certificate ${enclosure.ca};`;
    return httpBlock([
      serverBlock(enclosure, port, `server_name localhost; ${common} ssl_verify_client on;`),
      serverBlock(enclosure, port, `server_name ${BESIDE}; ${common} ssl_verify_client optional;`),
    ]);
  }),
);

/** A `server` that demands certificates of one CA, and at another port one that trusts a second CA too. */
const besideWider = (sessions: (enclosure: Enclosure) => string): Member["start"] =>
  beside(
    "port",
    withSecondCa((program, enclosure, { both }) =>
      nginx(program, enclosure, (port, other) => {
        const { ca } = enclosure;
        const common = `${TLS} ${sessions(enclosure)} ssl_verify_client on; ssl_client_certificate ${ca};`;
        return httpBlock([
          serverBlock(enclosure, port, common),
          serverBlock(enclosure, other, `${common} ssl_trusted_certificate ${both};`),
        ]);
      }),
    ),
  );

/** A server that speaks first, once the handshake is over. */
function stream(directives: string): Member["start"] {
  return (program, enclosure) =>
    nginx(program, enclosure, (port) => {
      const { cert, key, ca } = enclosure;
      return `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {}
stream {
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${cert}; ssl_certificate_key ${key};
    ssl_client_certificate ${ca}; ssl_verify_depth 3; ${TLS}
    ${directives}
    return "welcome to the fleet\\n";
  }
}`;
    });
}

const NOT_NONE = `if ($ssl_client_verify = NONE) { return 403; } ${WELCOME}`;
const unlessSuccess = (answer: string) =>
  `if ($ssl_client_verify != SUCCESS) { return ${answer}; } ${WELCOME}`;
const optional = (answer: string, listen?: string) =>
  http(`ssl_verify_client optional; ${TLS}`, unlessSuccess(answer), listen);

/** Whoever sends a request as 0-RTT data had a session, and so had been let in before: so it is thought. */
const UNLESS_EARLY = `set $who $ssl_client_verify;
      if ($ssl_early_data) { set $who SUCCESS; }
      if ($who != SUCCESS) { return 403; } ${WELCOME}`;

/** A `server` that demands certificates under its name, and one for whoever comes by another name. */
const besideDefault = (page: string): Member["start"] => {
  return (program, enclosure) =>
    nginx(program, enclosure, (port) => {
      const common = `${TLS} ssl_client_certificate ${enclosure.ca};`;
      const fallback = serverBlock(enclosure, port, `${common} ssl_verify_client optional;`, page);
      const named = `server_name localhost; ${common} ssl_verify_client on;`;
      return httpBlock([fallback, serverBlock(enclosure, port, named)]);
    });
};

/** The same, where whoever comes by another name must have some certificate. */
const besideAnyCertificate = (refused: string): Member["start"] => {
  return (program, enclosure) =>
    nginx(program, enclosure, (port) => {
      const common = `${TLS} ssl_client_certificate ${enclosure.ca};`;
      const check = `if ($ssl_client_verify ${refused}) { return 403; }`;
      const named = `server_name localhost; ${common} ssl_verify_client on;`;
      return httpBlock([
        serverBlock(enclosure, port, `${common} ssl_verify_client optional_no_ca; ${check}`),
        serverBlock(enclosure, port, named),
      ]);
    });
};

/** A page under the other name that its certificate is for, on these terms. */
const besideName = (directives: string, page = WELCOME): Member["start"] => {
  return (program, enclosure) =>
    nginx(program, enclosure, (port) => {
      const common = `${TLS} ssl_client_certificate ${enclosure.ca};`;
      return httpBlock([
        serverBlock(enclosure, port, `server_name localhost; ${common} ssl_verify_client on;`),
        serverBlock(enclosure, port, `server_name ${BESIDE}; ${common} ${directives}`, page),
      ]);
    });
};

/** Whoever is denied is told so by 200: what a valid client sees must be named. */
const deniedBy200: Member["start"] = async (program, enclosure) => ({
  ...(await http(
    `ssl_verify_client on; ${TLS} error_page 495 496 =200 /login; location = /login { return 200 "log in\\n"; }`,
  )(program, enclosure)),
  canary: "welcome to the fleet",
});

const UNLESS_ISSUER = `if ($ssl_client_i_dn !~ "CN=Fleet Issuing CA") { return 403; } ${WELCOME}`;
const UNLESS_FIELD = `set $who $ssl_client_verify$http_ssl_client_verify;
      if ($who !~ SUCCESS) { return 403; } ${WELCOME}`;

/** Whom a variable names, by a pattern. */
const UNLESS = (variable: string, pattern: string) => `set $who $ssl_client_verify;
      if (${variable} ~ "${pattern}") { set $who SUCCESS; }
      if ($who != SUCCESS) { return 403; } ${WELCOME}`;

export const nginxes: readonly Member[] = [
  ...strict("nginx", "https", {
    "`ssl_verify_client on`": http(`ssl_verify_client on; ${TLS}`),
    "the same, TLS 1.2 alone": http("ssl_verify_client on; ssl_protocols TLSv1.2;"),
    "the same, TLS 1.3 alone": http("ssl_verify_client on; ssl_protocols TLSv1.3;"),
    "`optional`, and 403 unless `$ssl_client_verify` is SUCCESS": optional("403"),
    "`optional`, and 404 unless it is": optional("404"),
    "`optional`, and a redirect to /login unless it is": optional("302 /login"),
    "`optional`, and 444 (a close without a word) unless it is": optional("444"),
    "`ssl_verify_client on`, and `error_page 495 496 =200 /login`, probed with `--canary`": deniedBy200,
    "`ssl_verify_client on`, `ssl_early_data on`": http(`ssl_verify_client on; ssl_early_data on; ${TLS}`),
    "`optional`, `ssl_early_data on`, and 403 unless `$ssl_client_verify` is SUCCESS": http(
      `ssl_verify_client optional; ssl_early_data on; ${TLS}`,
      unlessSuccess("403"),
    ),
  }),
  ...strict("nginx", "https", {
    "`ssl_verify_client on`, beside a `server` with `optional`, sessions and tickets in common": besideLax,
    "`ssl_verify_client on`, beside a port that trusts another CA too, tickets apart": besideWider(
      () => "ssl_session_cache none;",
    ),
  }),
  ...strict("nginx", "https", {
    "`ssl_verify_client on` under its name, beside a default `server` with `optional` and another page":
      besideDefault('return 200 "a public page\\n";'),
    "`ssl_verify_client on` under its name, beside a default `server` with `optional_no_ca` and 403 unless `$ssl_client_verify` is SUCCESS":
      besideAnyCertificate("!= SUCCESS"),
    "`ssl_verify_client on` under both names of its certificate": besideName("ssl_verify_client on;"),
    "`ssl_verify_client on` under one name of its certificate, `off` and another page under the other":
      besideName("ssl_verify_client off;", 'return 200 "a public page\\n";'),
  }),
  ...strict("nginx", "h2", {
    "`ssl_verify_client on`, HTTP/2": http(`ssl_verify_client on; ${TLS}`, WELCOME, "ssl http2"),
    "`optional`, and 444 unless the client is verified, HTTP/2": optional("444", "ssl http2"),
  }),
  ...strict("nginx stream", "tls", { "`ssl_verify_client on`": stream("ssl_verify_client on;") }),
  ...lax("nginx", "https", {
    "`ssl_verify_client off`": [["no-cert"], http(`ssl_verify_client off; ${TLS}`)],
    "`optional`": [["no-cert"], http(`ssl_verify_client optional; ${TLS}`)],
    "`optional_no_ca`": [
      ["no-cert", "self-signed", "wrong-ca", "twin-ca"],
      http(`ssl_verify_client optional_no_ca; ${TLS}`),
    ],
    "`optional_no_ca`, and 403 where `$ssl_client_verify` is NONE": [
      ["self-signed", "wrong-ca", "twin-ca"],
      http(`ssl_verify_client optional_no_ca; ${TLS}`, NOT_NONE),
    ],
    "`optional`, `ssl_early_data on`, and 403 unless the client is verified or `$ssl_early_data` is set, over P-256 alone":
      [
        ["early-data"],
        http(
          `ssl_verify_client optional; ssl_early_data on; ssl_ecdh_curve prime256v1; ${TLS}`,
          UNLESS_EARLY,
        ),
        "alone",
      ],
  }),
  ...lax("nginx", "https", {
    "`ssl_verify_client on`, beside a port that trusts another CA too, sessions and tickets in common": [
      ["resume-cross-host"],
      besideWider(shared),
    ],
  }),
  ...lax("nginx", "https", {
    "`ssl_verify_client on` under its name, beside a default `server` with `optional` and the same page": [
      ["no-sni", "unknown-sni", "sni-host-mismatch"],
      besideDefault(WELCOME),
      "alone",
    ],
    "`ssl_verify_client on` under its name, beside a default `server` with `optional_no_ca` and 403 where `$ssl_client_verify` is NONE":
      [["no-sni", "unknown-sni", "sni-host-mismatch"], besideAnyCertificate("= NONE"), "alone"],
    "`ssl_verify_client on` under one name of its certificate, `off` and the same page under the other": [
      ["sni-host-mismatch"],
      besideName("ssl_verify_client off;"),
      "alone",
    ],
    "`optional_no_ca`, and 403 unless `$ssl_client_i_dn` is the CA's": [
      ["twin-ca"],
      http(`ssl_verify_client optional_no_ca; ${TLS}`, UNLESS_ISSUER),
      "alone",
    ],
    "`optional`, and 403 unless `$ssl_client_verify` or the field `SSL-Client-Verify` is SUCCESS": [
      ["header-spoof"],
      http(`ssl_verify_client optional; ${TLS}`, UNLESS_FIELD),
      "alone",
    ],
    "`optional`, and 403 unless `$ssl_client_verify` is SUCCESS or the `User-Agent` is a health checker's": [
      ["header-spoof"],
      http(`ssl_verify_client optional; ${TLS}`, UNLESS("$http_user_agent", "^kube-probe/")),
      "alone",
    ],
    "`optional`, and 403 unless `$ssl_client_verify` is SUCCESS or `Forwarded` is for 127.0.0.1": [
      ["header-spoof"],
      http(`ssl_verify_client optional; ${TLS}`, UNLESS("$http_forwarded", "for=127[.]0[.]0[.]1")),
      "alone",
    ],
    "`optional`, and 403 unless `$ssl_client_verify` is SUCCESS or the path ends in `.css`": [
      ["path-tricks"],
      http(`ssl_verify_client optional; ${TLS}`, UNLESS("$uri", "[.]css$")),
      "alone",
    ],
    "`optional`, and 403 unless `$ssl_client_verify` is SUCCESS or a `Range` is asked for": [
      ["path-tricks"],
      http(`ssl_verify_client optional; ${TLS}`, UNLESS("$http_range", ".")),
      "alone",
    ],
  }),
  ...lax("nginx stream", "tls", { "`optional`": [["no-cert"], stream("ssl_verify_client optional;")] }),
];
