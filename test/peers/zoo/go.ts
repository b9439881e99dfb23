import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lax, type Member, run, strict } from "./zoo.ts";

function go(policy: string): Member["start"] {
  return (program, enclosure) => {
    const { directory, cert, key, ca } = enclosure;
    const server = join(directory, "authserver");
    const source = fileURLToPath(new URL("../go/authserver", import.meta.url));
    execFileSync(program, ["build", "-o", server, "main.go"], { cwd: source, stdio: "pipe" });
    return run(enclosure, server, (port) => {
      const keys = ["-cert", cert, "-key", key, "-ca", ca];
      return ["-listen", `127.0.0.1:${port}`, "-auth", policy, ...keys];
    });
  };
}

export const gos: readonly Member[] = [
  ...strict("Go net/http", "https", { "`RequireAndVerifyClientCert`": go("RequireAndVerifyClientCert") }),
  ...lax("Go net/http", "https", {
    "`RequestClientCert`": [["no-cert", "self-signed"], go("RequestClientCert")],
    "`RequireAnyClientCert`": [["self-signed", "wrong-ca", "twin-ca", "expired"], go("RequireAnyClientCert")],
    "`VerifyClientCertIfGiven`": [["no-cert"], go("VerifyClientCertIfGiven")],
  }),
];
