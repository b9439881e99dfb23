import { resolve } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Trust } from "../logs/verify/trust.ts";
import type { Cli } from "./command.ts";

/** The trust file that --trust names. @throws FleetsecError `usage` where it names none; `not-found`, `input` */
export async function trustFlag({ platform }: Cli, path: string | undefined): Promise<Trust> {
  if (path === undefined) {
    throw new FleetsecError("usage", "--trust is missing", {
      hint: "name the log's .pub file; without a key that you trust there is nothing to verify",
    });
  }
  const { MAX_TRUST_SIZE, parseTrust } = await import("../logs/verify/trust.ts");
  return parseTrust(platform.files.read(resolve(platform.cwd, path), MAX_TRUST_SIZE), path);
}
