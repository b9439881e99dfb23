import { generate, parser } from "mqtt-packet";
import type { TlsOptions, TLSSocket } from "node:tls";
import { tlsServer } from "./servers.ts";

/** As much of a broker as answers a CONNECT with a return code; the port. */
export function broker(options: TlsOptions, returnCode: (client: TLSSocket) => number): Promise<number> {
  return tlsServer(options, (client) => {
    const reading = parser();
    reading.on("error", () => client.destroy());
    reading.on("packet", ({ cmd }) => {
      if (cmd === "connect")
        client.write(generate({ cmd: "connack", returnCode: returnCode(client), sessionPresent: false }));
      if (cmd === "disconnect") client.end();
    });
    client.on("data", (bytes) => reading.parse(bytes));
  });
}
