import { createHash } from "node:crypto";
import { oids } from "../../pki/oids.ts";
import type { AlgorithmIdentifier } from "../../pki/verify/signed.ts";

const HASHES: ReadonlyMap<string, "sha256" | "sha384" | "sha512"> = new Map([
  [oids.sha256, "sha256"],
  [oids.sha384, "sha384"],
  [oids.sha512, "sha512"],
]);

/** Node's name of a hash that is relied on; undefined for others. */
export function hashNameOf({ oid }: AlgorithmIdentifier): "sha256" | "sha384" | "sha512" | undefined {
  return HASHES.get(oid);
}

/** Whether `digest` is that hash of `data`. */
export function isDigest(name: string, data: Uint8Array, digest: Uint8Array): boolean {
  return createHash(name).update(data).digest().equals(digest);
}
