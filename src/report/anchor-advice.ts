import type { Verification } from "../logs/verify/verification.ts";

/** Whether a log is intact and nothing outside its store anchors it, where that was not allowed. */
export function lacksAnchor({ verdict, ok }: Pick<Verification, "verdict" | "ok">): boolean {
  return verdict === "unanchored" && !ok;
}

/** What to do about such a log. @param flag that names an anchor of it */
export function anchorAdvice({ kept }: Pick<Verification, "kept">, flag = "--anchor"): string {
  return kept.now === "saved"
    ? `This checkpoint is now kept: from the next run on, the log is held to it. Compare its size and root with what the log's operator published, or name an anchor with ${flag}.`
    : `Name an anchor with ${flag}: a checkpoint that was published or kept elsewhere.`;
}
