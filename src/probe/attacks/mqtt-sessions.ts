import { asking, type Attempt, type Scene } from "../attack.ts";
import { type MqttConnect, mqttSession, NAMELESS, SUBSCRIBE } from "../protocols/mqtts.ts";
import { asSameRequest } from "../variant.ts";

const MADE_UP = "fleetsec-probe";

/**
 * Sessions that are asked for otherwise than valid clients do: a plugin that looks at one version of MQTT, or
 * at who has no password, spares the others. None is kept by the broker, nor is its will published.
 */
export function otherSessions({ address, version }: Pick<Scene, "address" | "version">): Attempt[] {
  // no other client has it, another one of the probe neither: the older one would be hung up on
  const clientId = `fleetsec${version ?? ""}${address}`.replaceAll(/[^a-z0-9]/gi, "").slice(0, 23);
  const five: MqttConnect = { ...NAMELESS, protocolVersion: 5 };
  const sessions: readonly (readonly [kind: string, connect: MqttConnect, behind?: Uint8Array])[] = [
    ["MQTT 5", five],
    // without an expiry it ends with the connection (MQTT 5, section 3.1.2.11.2)
    ["MQTT 5, no clean start", { ...five, clientId, clean: false }],
    ["MQTT 3.1", { ...NAMELESS, protocolId: "MQIsdp", protocolVersion: 3, clientId }],
    ["a client identifier", { ...NAMELESS, clientId }],
    ["a user name and password", { ...NAMELESS, username: MADE_UP, password: Buffer.from(MADE_UP) }],
    ["a will", { ...NAMELESS, will: { topic: MADE_UP, payload: Buffer.alloc(0), qos: 0, retain: false } }],
    // a broker that goes on reading after its refusal
    ["a subscription at once", NAMELESS, SUBSCRIBE],
  ];
  return sessions.map(([kind, connect, behind]) => ({
    ...asking(mqttSession(connect, behind), kind),
    revise: asSameRequest,
  }));
}
