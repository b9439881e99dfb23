import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Animal, type Enclosure, lax, type Member, run, strict } from "./zoo.ts";

const TLS = "ssl_protocols TLSv1.2 TLSv1.3;";
const WELCOME = 'return 200 "welcome to the fleet\\n";';

function nginx(program: string, enclosure: Enclosure, block: (port: number) => string): Promise<Animal> {
  const { directory, put } = enclosure;
  mkdirSync(join(directory, "t"));
  return run(enclosure, program, (port) => {
    put(
      "nginx.conf",
      `daemon off; worker_processes 1; pid nginx.pid; error_log error.log;\n${block(port)}\n`,
    );
    return ["-p", directory, "-c", "nginx.conf", "-e", join(directory, "error.log")];
  });
}

function http(directives: string, location = WELCOME, listen = "ssl"): Member["start"] {
  return (program, enclosure) =>
    nginx(program, enclosure, (port) => {
      const { cert, key, ca } = enclosure;
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (name) => `${name}_temp_path t/${name};`,
      );
      return `events {}
http {
  access_log off; ${temporary.join(" ")}
  server {
    listen 127.0.0.1:${port} ${listen};
    ssl_certificate ${cert}; ssl_certificate_key ${key};
    ssl_client_certificate ${ca}; ssl_verify_depth 3;
    ${directives}
    location / { ${location} }
  }
}`;
    });
}

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
const SUCCESS = `if ($ssl_client_verify != SUCCESS) { return 403; } ${WELCOME}`;

export const nginxes: readonly Member[] = [
  ...strict("nginx", "https", {
    "`ssl_verify_client on`": http(`ssl_verify_client on; ${TLS}`),
    "the same, TLS 1.2 alone": http("ssl_verify_client on; ssl_protocols TLSv1.2;"),
    "the same, TLS 1.3 alone": http("ssl_verify_client on; ssl_protocols TLSv1.3;"),
    "`optional`, and 403 unless `$ssl_client_verify` is SUCCESS": http(
      `ssl_verify_client optional; ${TLS}`,
      SUCCESS,
    ),
  }),
  ...strict("nginx", "h2", {
    "`ssl_verify_client on`, HTTP/2": http(`ssl_verify_client on; ${TLS}`, WELCOME, "ssl http2"),
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
  }),
  ...lax("nginx stream", "tls", { "`optional`": [["no-cert"], stream("ssl_verify_client optional;")] }),
];
