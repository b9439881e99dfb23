import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import {
  formatEncryptedKeyFile,
  formatKeyFile,
  generateLogKey,
  type LogKeyType,
  verifierKeyOf,
} from "./key-file.ts";
import { formatVerifierKey } from "./verifier-key.ts";

export interface KeygenRequest {
  /** The log's name: the key's name and the first line of every checkpoint. */
  readonly origin: string;
  readonly type: LogKeyType;
  /** The directory for both files. */
  readonly out: string;
}

/** A private key, and what is kept of it. */
export interface SealedKey {
  readonly privateKey: KeyObject;
  /** Encrypted PKCS #8. */
  readonly pem: string;
}

export interface KeygenResult {
  readonly origin: string;
  readonly type: LogKeyType;
  /** What an auditor trusts; also the `.pub` file's line. */
  readonly verifierKey: string;
  readonly files: { readonly key: string; readonly pub: string };
}

/** tlog-cosignature gives an origin at most 255 bytes. */
const MAX_ORIGIN = 255;

/**
 * Makes a log's key pair: `NAME.key`, for its owner alone, and `NAME.pub`.
 * @param sealed a new key that is to be kept encrypted
 * @throws FleetsecError `usage` on an origin that is none, `exists` where one of the files is there:
 *   a log's key is never overwritten
 */
export function generateKeyFiles(request: KeygenRequest, files: Files, sealed?: SealedKey): KeygenResult {
  const { origin, type, out } = request;
  checkOrigin(origin);
  const privateKey = sealed?.privateKey ?? generateLogKey(type);
  const key = verifierKeyOf(origin, type, privateKey);
  const verifierKey = formatVerifierKey(key);
  const name = fileName(origin);
  const paths = { key: join(out, `${name}.key`), pub: join(out, `${name}.pub`) };
  for (const path of [paths.key, paths.pub]) if (files.kind(path) !== undefined) throw taken(path);
  const content =
    sealed === undefined ? formatKeyFile(key, privateKey) : formatEncryptedKeyFile(origin, sealed.pem);
  files.makeDirectory(out);
  files.write(paths.key, content, { mode: 0o600, exclusive: true });
  try {
    files.write(paths.pub, `${verifierKey}\n`, { exclusive: true });
  } catch (error) {
    // a private key whose public half is lost would be trusted by nobody
    files.remove(paths.key);
    throw error;
  }
  return { origin, type, verifierKey, files: paths };
}

/** @throws FleetsecError `usage` */
function checkOrigin(origin: string): void {
  const printable = /^[^\p{White_Space}\p{C}+]+$/u.test(origin);
  if (printable && Buffer.byteLength(origin) <= MAX_ORIGIN) return;
  throw new FleetsecError("usage", "an origin has 1 to 255 bytes, without spaces, + or control characters", {
    hint: "use a host and a path, e.g. fleet.internal/audit",
  });
}

/** The last part of the origin's path as a file's name. */
function fileName(origin: string): string {
  const last = origin.split("/").findLast((part) => part !== "") ?? "";
  const name = last.replace(/[^A-Za-z0-9._-]/g, "-").replace(/^[.-]+/, "");
  return name === "" || name.length > 200 ? "log" : name;
}

function taken(path: string): FleetsecError {
  return new FleetsecError("exists", `${path} exists already`, {
    hint: "a log's key is never overwritten: name another directory with --out",
  });
}
