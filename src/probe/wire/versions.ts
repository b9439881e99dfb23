export const tlsVersions = ["1.0", "1.1", "1.2", "1.3"] as const;
export type TlsVersion = (typeof tlsVersions)[number];
export const NEWEST_VERSION: TlsVersion = "1.3";

/** ProtocolVersion on the wire (RFC 8446, section 4.1.2 and appendix D). */
const codes: Readonly<Record<number, TlsVersion>> = {
  0x0301: "1.0",
  0x0302: "1.1",
  0x0303: "1.2",
  0x0304: "1.3",
};

export function versionOf(code: number): TlsVersion | undefined {
  return codes[code];
}
