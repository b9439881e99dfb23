import { FleetsecError } from "../../errors.ts";
import { parseBase64 } from "../base64.ts";
import { HASH_SIZE } from "../merkle.ts";

/** A tree of 2^53 leaves has no longer inclusion proof; a consistency proof is two hashes longer at most. */
const MAX_HASHES = 64;

/** Hashes as C2SP writes them into proofs: a line of base64 each. */
export function formatHashes(hashes: readonly Uint8Array[]): string {
  return hashes.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("");
}

/** @throws FleetsecError `input` */
export function parseHashes(lines: readonly string[]): Uint8Array[] {
  if (lines.length > MAX_HASHES) throw malformedProof("it has too many hashes");
  return lines.map((line) => {
    const hash = parseBase64(line);
    if (hash?.length !== HASH_SIZE) throw malformedProof("a line of its path is not 32 bytes in base64");
    return hash;
  });
}

export function malformedProof(detail: string): FleetsecError {
  return new FleetsecError("input", `malformed proof: ${detail}`, {
    hint: "name a file that logs prove wrote",
  });
}
