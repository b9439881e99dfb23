import type { CipherSuite } from "./cipher-suites.ts";
import { prf } from "./key-schedule.ts";

type Hash = CipherSuite["hash"];

const MASTER_LENGTH = 48;
const VERIFY_DATA_LENGTH = 12;

/** RFC 5246, section 8.1. @param premaster the result of the ECDHE key agreement (RFC 8422, section 5.10) */
export function masterSecret12(
  hash: Hash,
  premaster: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): Uint8Array {
  return prf(hash, premaster, "master secret", Buffer.concat([clientRandom, serverRandom]), MASTER_LENGTH);
}

/** RFC 7627, section 4. @param sessionHash hash of the handshake up to, and with, ClientKeyExchange */
export function extendedMasterSecret(hash: Hash, premaster: Uint8Array, sessionHash: Uint8Array): Uint8Array {
  return prf(hash, premaster, "extended master secret", sessionHash, MASTER_LENGTH);
}

/** verify_data of Finished (RFC 5246, section 7.4.9). */
export function finishedData(
  hash: Hash,
  master: Uint8Array,
  sender: "client" | "server",
  transcriptHash: Uint8Array,
): Uint8Array {
  return prf(hash, master, `${sender} finished`, transcriptHash, VERIFY_DATA_LENGTH);
}
