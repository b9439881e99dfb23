import { createServer } from "node:http";
import { listening } from "../../probe/support/servers.ts";
import { lax, type Member, run, strict } from "./zoo.ts";

/** In front of a web server that knows nothing of TLS. */
function stunnel(directives: string): Member["start"] {
  return async (program, enclosure) => {
    const backend = await listening(
      createServer((_request, response) => response.end("welcome to the fleet")),
    );
    return run(enclosure, program, (port) => {
      const { directory, cert, key, ca, put } = enclosure;
      const config = put(
        "stunnel.conf",
        `foreground = yes
pid =
output = ${directory}/stunnel.log
[gateway]
accept = 127.0.0.1:${port}
connect = 127.0.0.1:${backend}
cert = ${cert}
key = ${key}
CAfile = ${ca}
${directives}
`,
      );
      return [config];
    });
  };
}

export const stunnels: readonly Member[] = [
  ...strict("stunnel", "https", {
    "`requireCert = yes`, `verifyChain = yes`": stunnel("requireCert = yes\nverifyChain = yes"),
    "`verify = 2`": stunnel("verify = 2"),
  }),
  ...lax("stunnel", "https", {
    "no `verifyChain`": [["no-cert", "self-signed"], stunnel("")],
    "`verifyChain = yes`, `requireCert = no`": [["no-cert"], stunnel("verifyChain = yes\nrequireCert = no")],
  }),
];
