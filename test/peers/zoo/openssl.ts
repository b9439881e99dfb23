import { lax, type Member, run, strict } from "./zoo.ts";

function sServer(...flags: readonly string[]): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port) => {
      const { cert, key, ca } = enclosure;
      const keys = ["-cert", cert, "-key", key, "-cert_chain", cert, "-CAfile", ca];
      return ["s_server", "-quiet", "-accept", `127.0.0.1:${port}`, ...keys, ...flags];
    });
}

const ANY = ["self-signed", "wrong-ca", "twin-ca", "expired"];

export const openssls: readonly Member[] = [
  ...strict("openssl s_server", "https", {
    "`-Verify 2 -verify_return_error -www`": sServer("-Verify", "2", "-verify_return_error", "-www"),
    "the same, `-psk` with a key of its own": sServer(
      "-Verify",
      "2",
      "-verify_return_error",
      "-www",
      "-psk",
      "5e6f7a8b9cad",
    ),
  }),
  ...strict("openssl s_server", "tls", {
    "`-Verify 2 -verify_return_error -rev`": sServer("-Verify", "2", "-verify_return_error", "-rev"),
  }),
  ...lax("openssl s_server", "https", {
    "`-Verify 2 -www`": [ANY, sServer("-Verify", "2", "-www")],
    "`-verify 2 -verify_return_error -www`": [
      ["no-cert"],
      sServer("-verify", "2", "-verify_return_error", "-www"),
    ],
    "`-Verify 2 -verify_return_error -www`, `-psk` with the key of its manual": [
      ["psk-suites"],
      sServer("-Verify", "2", "-verify_return_error", "-www", "-psk", "1a2b3c4d"),
      "alone",
    ],
  }),
  ...lax("openssl s_server", "tls", { "`-Verify 2 -rev`": [ANY, sServer("-Verify", "2", "-rev")] }),
];
