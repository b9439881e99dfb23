import { resolve } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Trust } from "../logs/verify/trust.ts";
import type { Cli } from "./command.ts";

/**
 * The trust file that --trust names.
 * @param origin of the one log that is wanted, where the file may have keys of several
 * @throws FleetsecError `usage` where it names none, or has no key of that log; `not-found`, `input`
 */
export async function trustFlag(
  { platform }: Cli,
  path: string | undefined,
  origin?: string,
): Promise<Trust> {
  if (path === undefined) {
    throw new FleetsecError("usage", "--trust is missing", {
      hint: "name the log's .pub file; without a key that you trust there is nothing to verify",
    });
  }
  const { MAX_TRUST_SIZE, parseTrust } = await import("../logs/verify/trust.ts");
  const trust = parseTrust(platform.files.read(resolve(platform.cwd, path), MAX_TRUST_SIZE), path);
  if (origin === undefined) return trust;
  const logs = trust.logs.filter(({ name }) => name === origin);
  if (logs.length > 0) return { ...trust, logs };
  throw new FleetsecError("usage", `${path} names no key of the log ${origin}`, {
    hint: `it has keys of ${[...new Set(trust.logs.map(({ name }) => name))].slice(0, 5).join(", ")}`,
  });
}
