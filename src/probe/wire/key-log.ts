/** Secrets of one or more connections, as `SSLKEYLOGFILE` names them (RFC 9850). */
export interface KeyLog {
  /** @param line e.g. `CLIENT_RANDOM <client random> <master secret>` */
  add(line: string): void;
  secret(label: string, clientRandom: Uint8Array): Uint8Array | undefined;
}

export function keyLog(): KeyLog {
  const secrets = new Map<string, Uint8Array>();
  return {
    add(line) {
      const [label = "", random = "", secret = ""] = line.trim().split(" ");
      secrets.set(`${label} ${random}`, Buffer.from(secret, "hex"));
    },
    secret: (label, clientRandom) => secrets.get(`${label} ${Buffer.from(clientRandom).toString("hex")}`),
  };
}
