import type { Json } from "./canonical-json.ts";

/** What events tell of client certificates, and in which forms. */

type Fields = Readonly<Record<string, Json>>;

/** Gateways must write something for what they do not know. */
export function isSaid(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== "" && value !== "-";
}

/** Serials are written in many ways: with colons, leading zeros or 0x, in either case. */
export function plainSerial(serial: string): string {
  return serial
    .replace(/^0x/i, "")
    .replaceAll(":", "")
    .replace(/^0+(?=.)/, "")
    .toLowerCase();
}

/** Whether a text can be a serial number in one of these ways. */
export function isSerial(text: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(plainSerial(text));
}

/**
 * A SHA-256 in lower-case hex. It is read in either case, also with colons between the bytes (OpenSSL,
 * Node) and with its algorithm before it.
 */
export function plainFingerprint(text: string): string | undefined {
  const plain = text.trim().replaceAll(":", "").toLowerCase();
  return /^(?:sha256)?([0-9a-f]{64})$/.exec(plain)?.[1];
}

/** TLS refused the client. Whatever else an event tells of happened to one that it let in. */
export function isRefused({ event_type: type, result, decision }: Fields): boolean {
  return type === "authentication" && result === "failure" && decision !== "allow";
}

/** Somebody was let in, who must have had a certificate. */
export function isLetIn(event: Fields): boolean {
  return event["decision"] === "allow" || (event["event_type"] === "authentication" && !isRefused(event));
}
