import { lax, type Member, run, strict } from "./zoo.ts";

function caddy(mode: string): Member["start"] {
  return (program, enclosure) => {
    const { cert, key, ca, put, directory } = enclosure;
    // it keeps its state in the home directory
    const home = { HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory };
    return run(
      enclosure,
      program,
      (port) => {
        const config = put(
          "Caddyfile",
          `{
  admin off
  auto_https off
  skip_install_trust
}
https://localhost:${port} {
  bind 127.0.0.1
  tls ${cert} ${key} {
    client_auth {
      mode ${mode}
      trusted_ca_cert_file ${ca}
    }
  }
  respond "welcome to the fleet"
}
`,
        );
        return ["run", "--config", config, "--adapter", "caddyfile"];
      },
      home,
    );
  };
}

export const caddies: readonly Member[] = [
  ...strict("Caddy", "https", { "`mode require_and_verify`": caddy("require_and_verify") }),
  ...lax("Caddy", "https", {
    "`mode request`": [["no-cert", "self-signed"], caddy("request")],
    "`mode require`": [["self-signed", "wrong-ca", "twin-ca", "expired"], caddy("require")],
    "`mode verify_if_given`": [["no-cert"], caddy("verify_if_given")],
  }),
];
