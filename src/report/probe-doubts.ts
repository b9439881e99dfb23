/**
 * Reasons of a verdict, `attack on TLS 1.3: what was seen`, those with the same cause told as one.
 * Others stay as they are.
 */
export function gatheredDoubts(doubts: readonly string[]): string[] {
  const causes = new Map<string, string[]>();
  for (const doubt of doubts) {
    const colon = doubt.indexOf(": ");
    const [who, cause] = colon < 0 ? [doubt, ""] : [doubt.slice(0, colon), doubt.slice(colon + 2)];
    causes.set(cause, [...(causes.get(cause) ?? []), who]);
  }
  return [...causes].flatMap(([cause, whos]) => (cause === "" ? whos : [`${byVersion(whos)}: ${cause}`]));
}

/** `a on TLS 1.3, b on TLS 1.3` as `a, b on TLS 1.3`. */
function byVersion(whos: readonly string[]): string {
  const versions = new Map<string, string[]>();
  for (const who of whos) {
    const [, name = who, version = ""] = /^(.*)( on TLS 1\.\d)$/s.exec(who) ?? [];
    versions.set(version, [...(versions.get(version) ?? []), name]);
  }
  return [...versions].map(([version, names]) => `${names.join(", ")}${version}`).join("; ");
}
