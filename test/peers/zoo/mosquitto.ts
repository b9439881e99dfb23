import { lax, type Member, run, strict } from "./zoo.ts";

function mosquitto(...lines: readonly string[]): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port) => {
      const { cert, key, ca, put } = enclosure;
      // it gives up root's rights for those of a user who could not read the key
      const files = [`cafile ${ca}`, `certfile ${cert}`, `keyfile ${key}`, "user root"];
      const config = put("mosquitto.conf", [`listener ${port} 127.0.0.1`, ...files, ...lines, ""].join("\n"));
      return ["-c", config];
    });
}

export const mosquittos: readonly Member[] = [
  ...strict("mosquitto", "mqtts", {
    "`require_certificate true`": mosquitto("require_certificate true", "allow_anonymous true"),
    "the same, `use_identity_as_username true`": mosquitto(
      "require_certificate true",
      "use_identity_as_username true",
    ),
  }),
  ...lax("mosquitto", "mqtts", {
    "no `require_certificate`": [["no-cert"], mosquitto("allow_anonymous true")],
  }),
];
