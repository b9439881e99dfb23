import { type IConnectPacket, parser } from "mqtt-packet";
import type { TlsOptions, TLSSocket } from "node:tls";
import { tlsServer } from "./servers.ts";

/**
 * As much of a broker as answers a CONNECT with a return code; the port.
 * @param after what it sends behind that
 * @param subscribed its return code to a subscription, where it answers one, whoever asks
 */
export function broker(
  options: TlsOptions,
  returnCode: (client: TLSSocket, connect: IConnectPacket) => number,
  after: Uint8Array = new Uint8Array(),
  subscribed?: number,
): Promise<number> {
  return tlsServer(options, (client) => {
    const reading = parser();
    reading.on("error", () => client.destroy());
    reading.on("packet", (packet) => {
      if (packet.cmd === "connect") {
        const code = returnCode(client, packet);
        const connack = packet.protocolVersion === 5 ? [0x20, 3, 0, code, 0] : [0x20, 2, 0, code];
        client.write(Buffer.concat([Buffer.from(connack), after]));
      }
      if (packet.cmd === "subscribe" && subscribed !== undefined)
        client.write(Buffer.of(0x90, 3, 0, packet.messageId ?? 0, subscribed));
      if (packet.cmd === "disconnect") client.end();
    });
    client.on("data", (bytes) => reading.parse(bytes));
  });
}
