/** Characters of a secret in a row that are taken for it: a service may cut short what it repeats. */
const WINDOW = 12;

/**
 * A text without the secrets that were sent to who wrote it: each stretch of one, of twelve characters
 * or all of it, gives way to `[redacted]`. The time it takes grows with the lengths, not with their product.
 */
export function redact(text: string, secrets: Iterable<string>): string {
  let left = text;
  for (const secret of secrets) left = secret === "" ? left : without(left, secret);
  return left;
}

function without(text: string, secret: string): string {
  const width = Math.min(WINDOW, secret.length);
  const windows = new Set<string>();
  for (let at = 0; at + width <= secret.length; at += 1) windows.add(secret.slice(at, at + width));
  const parts: string[] = [];
  let kept = 0;
  let at = 0;
  while (at + width <= text.length) {
    if (!windows.has(text.slice(at, at + width))) {
      at += 1;
      continue;
    }
    parts.push(text.slice(kept, at), REDACTED);
    // windows that overlap are one stretch
    while (at + width <= text.length && windows.has(text.slice(at, at + width))) at += 1;
    at += width - 1;
    kept = at;
  }
  return kept === 0 ? text : [...parts, text.slice(kept)].join("");
}

const REDACTED = "[redacted]";
