import { generate, type IConnackPacket, parser } from "mqtt-packet";
import type { Answer } from "../answer.ts";
import { type Channel, MAX_KEPT } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";

/**
 * A session without a name, which a broker forgets at the end (MQTT 3.1.1, section 3.1.3.1): a name
 * would make it drop whoever else has it, another client of the probe for one.
 */
const CONNECT = generate({
  cmd: "connect",
  protocolId: "MQTT",
  protocolVersion: 4,
  clientId: "",
  clean: true,
  keepalive: 30,
});
const DISCONNECT = generate({ cmd: "disconnect" });

/** One session with an MQTT broker, ended as soon as it is granted or refused. */
export const mqtts: Protocol = {
  layer: "app",
  alpn: [],
  maySayNothing: false,
  speech: { in: "mqtt" },
  answer({ received }) {
    const connack = readConnack(received);
    return connack && answerOf(connack.returnCode ?? NONE);
  },
};

export async function converseMqtt(channel: Channel, wait: number): Promise<void> {
  channel.write(CONNECT);
  await channel.until(
    () => readConnack(channel.received()) !== undefined || channel.received().length >= MAX_KEPT,
    wait,
  );
  if (readConnack(channel.received())?.returnCode === 0) channel.write(DISCONNECT);
}

const NONE = -1;
const CONNACK = 0x20;
/** Type, remaining length and two bytes (MQTT 3.1.1, section 3.2). */
const CONNACK_LENGTH = 4;

/** The first packet, where it is a whole CONNACK: a broker sends nothing before it. */
function readConnack(received: Uint8Array): IConnackPacket | undefined {
  if (received[0] !== CONNACK || received.length < CONNACK_LENGTH) return undefined;
  const reading = parser({ protocolVersion: 4 });
  let found: IConnackPacket | undefined;
  reading.on("packet", (packet) => {
    if (packet.cmd === "connack") found = packet;
  });
  // what is no packet is no answer
  reading.on("error", () => {});
  reading.parse(Buffer.from(received.subarray(0, CONNACK_LENGTH)));
  return found;
}

/** MQTT 3.1.1, table 3.1. */
const CODES = [
  "accepted",
  "unacceptable protocol version",
  "identifier rejected",
  "server unavailable",
  "bad user name or password",
  "not authorized",
];

/** Code 5 is said to clients that lack a password as well as to those that lack a certificate. */
function answerOf(code: number): Answer {
  const meanings: Readonly<Record<number, Answer["meaning"]>> = {
    0: "granted",
    3: "overloaded",
    4: "challenged",
    5: "challenged",
  };
  return {
    label: `MQTT ${CODES[code] ?? `return code ${code}`}`,
    meaning: meanings[code] ?? "other",
    content: new Uint8Array(),
  };
}
