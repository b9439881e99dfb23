import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Stage } from "./stage.ts";

const SOURCE = `import { createServer } from "node:https";
import { readFileSync } from "node:fs";

const bundle = readFileSync(".fleetsec/certs/gateway/current/bundle.pem");
const options = { cert: bundle, key: bundle, requestCert: true, rejectUnauthorized: false };
createServer(options, (request, response) => response.end("hello, truck\\n")).listen(8444, "127.0.0.1");
`;

/**
 * A gateway with a common fault: it asks for a certificate and looks at none. The file that is
 * shown does the same as the server that is started here.
 */
export async function laxGateway(stage: Stage): Promise<{ url: string; stop(): Promise<void> }> {
  const { files, directory } = stage;
  files.write(join(directory, "lax-gateway.mjs"), SOURCE);
  stage.shell("cat lax-gateway.mjs", () => {}, SOURCE);
  const bundle = files.read(join(directory, ".fleetsec/certs/gateway/current/bundle.pem"), 1 << 20);
  const server = createServer(
    { cert: bundle, key: bundle, requestCert: true, rejectUnauthorized: false },
    (_, response) => response.end("hello, truck\n"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
