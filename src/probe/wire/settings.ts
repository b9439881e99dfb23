import type { KeyObject } from "node:crypto";
import type { Group, RandomBytes } from "./groups.ts";
import { MAX_MESSAGE } from "./handshake.ts";
import { allSchemes } from "./schemes.ts";
import type { Script } from "./script.ts";
import type { ResumableSession } from "./session-ticket.ts";

/** The versions that this client speaks. */
export type WireVersion = "1.2" | "1.3";

export interface WireIdentity {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  /** Private keys that do not belong to the certificate, for forged signatures: one of each kind at most. */
  readonly impostors: readonly KeyObject[];
}

/** What the server may cost us. */
export interface Limits {
  /** Bytes of one handshake message. */
  readonly message: number;
  /** Bytes that the server sends in all. */
  readonly total: number;
}

/** What one connection offers, and how it answers. */
export interface Settings {
  /** The only version that is offered. */
  readonly version: WireVersion;
  /** Server name indication; empty for none. */
  readonly serverName: string;
  readonly alpn: readonly string[];
  readonly cipherSuites: readonly number[];
  /** In the order of preference. */
  readonly groups: readonly Group[];
  /** TLS 1.3: the groups that come with a key share at once; none makes the server ask for one. */
  readonly shares: readonly Group[];
  /** SignatureScheme code points that the server may sign with. */
  readonly schemes: readonly number[];
  readonly identity: WireIdentity | undefined;
  readonly script: Script;
  /** To be resumed. */
  readonly session: ResumableSession | undefined;
  /** RFC 7627 (TLS 1.2). */
  readonly extendedMasterSecret: boolean;
  /** Middlebox compatibility mode of TLS 1.3 (RFC 8446, appendix D.4). */
  readonly compatibility: boolean;
  /** The most bytes of the ClientHello that go into one record. */
  readonly helloFragment: number;
  readonly limits: Limits;
  readonly random: RandomBytes;
  /** Milliseconds since an arbitrary instant. */
  readonly now: () => number;
  /** The caller's trust decision on the server's chain (DER, leaf first); false ends the connection. */
  readonly trust: (chain: readonly Uint8Array[]) => boolean;
}

/** What is offered unless told otherwise. */
export const SUITES: Readonly<Record<WireVersion, readonly number[]>> = {
  "1.3": [0x1301, 0x1302, 0x1303],
  // ECDHE with AES-GCM or ChaCha20-Poly1305, ECDSA before RSA
  "1.2": [0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8],
};

/** A conforming client that offers all that it can, with the given differences. */
export function settings(
  chosen: Pick<Settings, "version" | "random" | "now" | "trust"> & Partial<Settings>,
): Settings {
  return {
    serverName: "",
    alpn: [],
    cipherSuites: SUITES[chosen.version],
    groups: ["x25519", "secp256r1", "secp384r1", "secp521r1"],
    shares: ["x25519"],
    schemes: allSchemes,
    identity: undefined,
    script: {},
    session: undefined,
    extendedMasterSecret: true,
    compatibility: true,
    helloFragment: 16_384,
    limits: { message: MAX_MESSAGE, total: 1 << 18 },
    ...chosen,
  };
}
