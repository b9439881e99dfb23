import { DECODE_ERROR, ILLEGAL_PARAMETER } from "./alerts.ts";
import { DecodeError, listOf, parse, uint, vector } from "./codec.ts";

/** ExtensionType code points (RFC 8446, section 4.2; RFC 5077; RFC 5746; RFC 7627; RFC 8422). */
export const ExtensionType = {
  serverName: 0,
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  extendedMasterSecret: 23,
  sessionTicket: 35,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
  cookie: 44,
  pskKeyExchangeModes: 45,
  certificateAuthorities: 47,
  postHandshakeAuth: 49,
  keyShare: 51,
  renegotiationInfo: 0xff01,
} as const;

/** Extension data by type. */
export type Extensions = ReadonlyMap<number, Uint8Array>;

/** @throws DecodeError for a type that comes twice (RFC 8446, section 4.2) */
export function parseExtensions(bytes: Uint8Array): Extensions {
  const found = new Map<number, Uint8Array>();
  for (const [type, data] of listOf(bytes, (item) => [item.uint(2), item.vector(2)] as const)) {
    if (found.has(type)) throw new DecodeError("an extension that comes twice", ILLEGAL_PARAMETER);
    found.set(type, data);
  }
  return found;
}

/** In the order of the map, which matters: pre_shared_key comes last (RFC 8446, section 4.2.11). */
export function encodeExtensions(extensions: Extensions): Uint8Array {
  return vector(2, ...[...extensions].flatMap(([type, data]) => [uint(type, 2), vector(2, data)]));
}

/** RFC 6066, section 3: one host name. */
export function encodeServerName(name: string): Uint8Array {
  return vector(2, uint(0, 1), vector(2, Buffer.from(name, "latin1")));
}

/** RFC 7301, section 3.1. */
export function encodeAlpn(protocols: readonly string[]): Uint8Array {
  return vector(2, ...protocols.map((protocol) => vector(1, Buffer.from(protocol, "latin1"))));
}

/** The one protocol that the server chose. @throws DecodeError */
export function parseAlpn(data: Uint8Array): string {
  const list = parse(data, (from) => from.vector(2));
  return Buffer.from(parse(list, (from) => from.vector(1, 1))).toString("latin1");
}

/** A list of 16-bit code points: groups, signature schemes. */
export function encodeCodes(codes: readonly number[]): Uint8Array {
  return vector(2, ...codes.map((code) => uint(code, 2)));
}

/** RFC 8446, section 4.2.1. */
export function encodeSupportedVersions(versions: readonly number[]): Uint8Array {
  return vector(1, ...versions.map((version) => uint(version, 2)));
}

/** RFC 8446, section 4.2.8. */
export interface KeyShareEntry {
  readonly group: number;
  readonly publicKey: Uint8Array;
}

function encodeShare({ group, publicKey }: KeyShareEntry): Uint8Array {
  return Buffer.concat([uint(group, 2), vector(2, publicKey)]);
}

export function encodeKeyShares(shares: readonly KeyShareEntry[]): Uint8Array {
  return vector(2, ...shares.map(encodeShare));
}

/** The server's key share. @throws DecodeError */
export function parseKeyShare(data: Uint8Array): KeyShareEntry {
  return parse(data, (from) => ({ group: from.uint(2), publicKey: from.vector(2, 1) }));
}

/** The group that a HelloRetryRequest asks for; any one code point. @throws DecodeError */
export function parseCode(data: Uint8Array): number {
  return parse(data, (from) => from.uint(2));
}

/** The cookie of a HelloRetryRequest, and back (RFC 8446, section 4.2.2). @throws DecodeError */
export function parseCookie(data: Uint8Array): Uint8Array {
  return parse(data, (from) => from.vector(2, 1));
}

export function encodeCookie(cookie: Uint8Array): Uint8Array {
  return vector(2, cookie);
}

/** psk_dhe_ke alone: a PSK never goes without a key agreement (RFC 8446, section 4.2.9). */
export const pskWithDhe: Uint8Array = vector(1, uint(1, 1));

/** Uncompressed points alone (RFC 8422, section 5.1.2). */
export const uncompressedPoints: Uint8Array = vector(1, uint(0, 1));

/** One identity and its binder (RFC 8446, section 4.2.11). @param ageMask obfuscated_ticket_age */
export function encodePreSharedKey(identity: Uint8Array, ageMask: number, binder: Uint8Array): Uint8Array {
  return Buffer.concat([vector(2, vector(2, identity), uint(ageMask, 4)), vector(2, vector(1, binder))]);
}

/** Bytes at the end of a ClientHello with one binder that the binder itself does not cover. */
export const bindersLength = (binder: number): number => 2 + 1 + binder;

/** max_early_data_size of a ticket (RFC 8446, section 4.2.10). @throws DecodeError */
export function parseMaxEarlyData(data: Uint8Array): number {
  return parse(data, (from) => from.uint(4));
}

/** renegotiation_info: verify_data of the handshake before (RFC 5746, section 3.2). @throws DecodeError */
export function parseRenegotiationInfo(data: Uint8Array): Uint8Array {
  return parse(data, (from) => from.vector(1));
}

export function encodeRenegotiationInfo(verifyData: Uint8Array): Uint8Array {
  return vector(1, verifyData);
}

/** An extension that says all by being there. @throws DecodeError */
export function parseFlag(data: Uint8Array | undefined): boolean {
  if (data !== undefined && data.length > 0) throw new DecodeError("an extension with data", DECODE_ERROR);
  return data !== undefined;
}
