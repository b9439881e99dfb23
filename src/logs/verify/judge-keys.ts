import { CHECKPOINT } from "../layout.ts";
import type { VerifierKey } from "../verifier-key.ts";
import type { Findings } from "./finding.ts";
import type { History } from "./history.ts";
import { keyName } from "./signed-checkpoint.ts";
import { type LogKey, maySign, type Trust } from "./trust.ts";

interface Signed {
  readonly size: number;
  readonly keys: readonly VerifierKey[];
}

/** The keys of a log that count for a checkpoint's size and did not sign it. */
export function absentKeys({ size, keys }: Signed, origin: string, { logs }: Trust): LogKey[] {
  return logs.filter(
    (key) => key.name === origin && maySign(key, size) && !keys.some((signer) => signer.keyId === key.keyId),
  );
}

/**
 * Every key of the log must have signed every checkpoint of a size for which the trust file lists it.
 * Of many that one key did not sign, the first says it.
 */
export function judgeKeys({ origin, current, stored }: History, trust: Trust, findings: Findings): void {
  if (origin === undefined) return;
  const all = [...stored, ...(current === undefined ? [] : [{ ...current, path: CHECKPOINT }])];
  const lacking = new Map<LogKey, { readonly size: number; readonly path: string }[]>();
  for (const checkpoint of all) {
    for (const key of absentKeys(checkpoint, origin, trust)) {
      const list = lacking.get(key) ?? [];
      list.push(checkpoint);
      lacking.set(key, list);
    }
  }
  for (const [key, checkpoints] of lacking) {
    const [first, ...others] = checkpoints as [(typeof checkpoints)[0], ...typeof checkpoints];
    const more =
      others.length === 0 ? "" : `, and so do ${others.length} more, up to size ${others.at(-1)?.size}`;
    findings.add({
      code: "SIG_MISSING",
      path: first.path,
      detail: `the checkpoint of size ${first.size} lacks the signature of ${keyName(key)}${more}`,
    });
  }
}
