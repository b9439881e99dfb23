import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lax, type Member, run, strict } from "./zoo.ts";

const source = fileURLToPath(new URL("../java/TlsServer.java", import.meta.url));

/** Repeats a line with the client's name before it. */
function java(policy: string): Member["start"] {
  return (program, enclosure) => {
    const { directory, cert, key, ca } = enclosure;
    const store = join(directory, "server.p12");
    const from = ["-in", cert, "-inkey", key];
    execFileSync("openssl", ["pkcs12", "-export", ...from, "-out", store, "-passout", "pass:changeit"]);
    return run(enclosure, program, (port) => [source, String(port), store, ca, policy]);
  };
}

export const javas: readonly Member[] = [
  ...strict("Java", "tls", { "`setNeedClientAuth(true)`": java("need") }),
  ...lax("Java", "tls", {
    "`setWantClientAuth(true)`": [["no-cert"], java("want")],
    "`setNeedClientAuth(true)`, and a trust manager that trusts everybody": [
      ["self-signed", "wrong-ca", "twin-ca", "expired"],
      java("any"),
    ],
  }),
];
