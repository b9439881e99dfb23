import { type ExitCode, FleetsecError } from "../../errors.ts";
import { rotateKey as changeKey, type RotateKeyResult } from "../../logs/sign/rotate-key.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";
import { ofOneLog, openKeys, readSigners, type SignerFlags } from "./signers.ts";
import { namedStore, type SigningFlags, storeToSign } from "./store.ts";

export interface RotateKeyFlags extends SignerFlags, SigningFlags {
  readonly store?: string;
  readonly newKey: readonly string[];
}

export async function rotateKey(cli: Cli, flags: RotateKeyFlags): Promise<ExitCode> {
  const previous = await readSigners(cli, flags);
  const next = ofOneLog(await openKeys(cli, flags.newKey, flags), "--new-key");
  // a key of another log would be refused by every auditor
  ofOneLog(
    [...previous, ...next.filter(({ key }) => !previous.some((other) => other.key.keyId === key.keyId))],
    "--new-key",
  );
  const before = new Set(previous.map(({ key }) => key.keyId));
  const after = new Set(next.map(({ key }) => key.keyId));
  if (before.size === after.size && [...after].every((id) => before.has(id))) {
    throw new FleetsecError("usage", "--key and --new-key name the same keys", {
      hint: "make a new one with fleetsec logs keygen",
    });
  }
  const store = await storeToSign(cli, await namedStore(cli, flags.store), flags);
  const result = await changeKey({ store, previous, next }, cli.platform);
  cli.output.result({ schema: "fleetsec.logs-rotate-key/v1", ...result }, () => textOf(result));
  return 0;
}

function textOf({ origin, size, ranges, already }: RotateKeyResult): string {
  return [
    `${already ? "this log's keys were changed already" : "the log's keys are changed"}: ${escapeText(origin)} at size ${size}`,
    "in the auditors' trust file, sizes end and begin:",
    ...ranges.map(({ key, first, last = "" }) => `  ${escapeText(key)} ${first}-${last}`),
    "sign with the new key from now on",
  ].join("\n");
}
