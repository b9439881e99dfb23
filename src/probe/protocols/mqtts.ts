import { generate, type IConnectPacket } from "mqtt-packet";
import type { Answer } from "../answer.ts";
import { type Channel, MAX_KEPT } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import type { Speech } from "../speech.ts";

/** How a session is asked for: the name and number of the protocol's version with it. */
export type MqttConnect = Omit<IConnectPacket, "cmd">;

/**
 * A session without a name, which a broker forgets at the end (MQTT 3.1.1, section 3.1.3.1): a name
 * would make it drop whoever else has it, another client of the probe for one.
 */
export const NAMELESS: MqttConnect = {
  protocolId: "MQTT",
  protocolVersion: 4,
  clientId: "",
  clean: true,
  keepalive: 30,
};
const DISCONNECT = generate({ cmd: "disconnect" });

/** Changes nothing; of a topic that nobody uses. */
export const SUBSCRIBE = generate({
  cmd: "subscribe",
  messageId: 1,
  subscriptions: [{ topic: "fleetsec-probe", qos: 0 }],
});

/**
 * One session with an MQTT broker, ended as soon as it is granted or refused.
 * @param behind packets that are sent without waiting for a word, as clients may (MQTT 3.1.1, section 3.1.4)
 */
export function mqttSession(connect: MqttConnect, behind: Uint8Array = new Uint8Array()): Protocol {
  const isFive = connect.protocolVersion === 5;
  return {
    layer: "app",
    alpn: [],
    maySayNothing: false,
    speech: {
      in: "mqtt",
      connect: Buffer.concat([generate({ cmd: "connect", ...connect }), behind]),
      isFive,
    },
    answer({ received }) {
      const connack = readConnack(received, isFive);
      if (connack === undefined) return undefined;
      const { code, end } = connack;
      const answer = answerOf(code);
      const service = answer.meaning === "granted" ? undefined : serviceIn(received.subarray(end));
      return service === undefined
        ? answer
        : { label: `${answer.label}, and ${service}`, meaning: "granted", content: received.subarray(end) };
    },
  };
}

export const mqtts = mqttSession(NAMELESS);

/** Milliseconds that a broker has to hang up on whom it refuses, as it must (MQTT 3.1.1, section 3.2.2.3), or to go on. */
const AFTER_REFUSAL = 500;

export async function converseMqtt(
  { connect, isFive }: Extract<Speech, { in: "mqtt" }>,
  channel: Channel,
  wait: number,
): Promise<void> {
  const connack = () => readConnack(channel.received(), isFive);
  channel.write(connect);
  await channel.until(() => connack() !== undefined || channel.received().length >= MAX_KEPT, wait);
  const { code, end = 0 } = connack() ?? {};
  if (code === 0) channel.write(DISCONNECT);
  else if (code !== undefined)
    await channel.until(() => isWhole(channel.received().subarray(end)), AFTER_REFUSAL);
}

const CONNACK = 0x20;
const PUBLISH = 3;
const SUBACK = 9;
/** Where the return code of the only topic is (MQTT 3.1.1, section 3.9.3). */
const SUBACK_CODE = 4;
const DENIED = 0x80;
/** Flags and code; in MQTT 5 there are properties behind them. */
const CONNACK_LENGTH = 2;

/** What only a client is given that was let in, whatever was said to it before; of a subscription, where it is granted (section 3.9.3). */
function serviceIn(packet: Uint8Array): string | undefined {
  const [first = 0] = packet;
  if (first >> 4 === PUBLISH) return "a message";
  return first >> 4 === SUBACK && isWhole(packet) && (packet[SUBACK_CODE] ?? DENIED) < DENIED
    ? "a subscription"
    : undefined;
}

function isWhole(packet: Uint8Array): boolean {
  const [from, length] = lengthAt(packet);
  return packet.length >= from + length;
}

/** The first packet, where it is a whole CONNACK: a broker sends nothing before it (MQTT 3.1.1 and 5, section 3.2). */
function readConnack(
  received: Uint8Array,
  isFive: boolean,
): { readonly code: number; readonly end: number } | undefined {
  if (received[0] !== CONNACK) return undefined;
  const [from, length] = lengthAt(received);
  const fits = length === CONNACK_LENGTH || (isFive && length > CONNACK_LENGTH);
  const code = received[from + 1];
  return isWhole(received) && fits && code !== undefined ? { code, end: from + length } : undefined;
}

/** A variable byte integer of at most four bytes (MQTT 5, section 1.5.5), and where it ends. */
function lengthAt(received: Uint8Array): readonly [from: number, length: number] {
  let length = 0;
  for (let i = 0; i < 4; i += 1) {
    const byte = received[1 + i] ?? 0x80;
    length += (byte % 0x80) * 0x80 ** i;
    if (byte < 0x80) return [2 + i, length];
  }
  return [0, Number.POSITIVE_INFINITY];
}

/** MQTT 3.1.1, table 3.1, and MQTT 5, section 3.2.2.2. */
const CODES: ReadonlyMap<number, readonly [name: string, meaning: Answer["meaning"]]> = new Map([
  [0, ["accepted", "granted"]],
  [1, ["unacceptable protocol version", "other"]],
  [2, ["identifier rejected", "other"]],
  [3, ["server unavailable", "overloaded"]],
  [4, ["bad user name or password", "challenged"]],
  // said to clients that lack a password as well as to those that lack a certificate
  [5, ["not authorized", "challenged"]],
  [0x84, ["unacceptable protocol version", "other"]],
  [0x85, ["identifier rejected", "other"]],
  [0x86, ["bad user name or password", "challenged"]],
  [0x87, ["not authorized", "challenged"]],
  [0x88, ["server unavailable", "overloaded"]],
  [0x89, ["server busy", "overloaded"]],
  [0x8a, ["banned", "denied"]],
  [0x8c, ["bad authentication method", "challenged"]],
  [0x97, ["quota exceeded", "overloaded"]],
  [0x9f, ["connection rate exceeded", "overloaded"]],
]);

function answerOf(code: number): Answer {
  const [name, meaning] = CODES.get(code) ?? [`return code ${code}`, "other" as const];
  return { label: `MQTT ${name}`, meaning, content: new Uint8Array() };
}
