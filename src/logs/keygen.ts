import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { formatKeyFile, generateLogKey, type LogKeyType, verifierKeyOf } from "./key-file.ts";
import { formatVerifierKey, type VerifierKey } from "./verifier-key.ts";

export interface KeygenRequest {
  /** The log's name: the key's name and the first line of every checkpoint. */
  readonly origin: string;
  readonly type: LogKeyType;
  /** The directory for both files. */
  readonly out: string;
}

/** A new key, and what is written of its private half. */
export interface NewKey {
  readonly key: VerifierKey;
  /** What the `.key` file holds. */
  readonly content: string;
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
 * @param make makes the private key, once it is known that its files can be
 * @throws FleetsecError `usage` on an origin that is none, `exists` where one of the files is there:
 *   a log's key is never overwritten
 */
export async function generateKeyFiles(
  { origin, type, out }: KeygenRequest,
  files: Files,
  make: (name: string) => Promise<NewKey> = async () => newKeyFile(origin, type),
): Promise<KeygenResult> {
  checkOrigin(origin);
  const name = fileName(origin);
  const paths = { key: join(out, `${name}.key`), pub: join(out, `${name}.pub`) };
  for (const path of [paths.key, paths.pub]) if (files.kind(path) !== undefined) throw taken(path);
  const isNew = files.kind(out) === undefined;
  files.makeDirectory(out);
  try {
    // a key in a token would stay there, whatever becomes of its files
    files.write(join(out, TRIAL), "", { transient: true });
    files.remove(join(out, TRIAL));
    return write(origin, type, paths, files, await make(name));
  } catch (error) {
    if (isNew) files.removeIfEmpty(out);
    throw error;
  }
}

const TRIAL = ".fleetsec-keygen";

function write(
  origin: string,
  type: LogKeyType,
  paths: KeygenResult["files"],
  files: Files,
  { key, content }: NewKey,
): KeygenResult {
  const verifierKey = formatVerifierKey(key);
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

function newKeyFile(origin: string, type: LogKeyType): NewKey {
  const privateKey = generateLogKey(type);
  const key = verifierKeyOf(origin, type, privateKey);
  return { key, content: formatKeyFile(key, privateKey) };
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
