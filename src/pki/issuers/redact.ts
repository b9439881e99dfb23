/** Characters of a secret in a row that are taken for it: a service may cut short what it repeats. */
const WINDOW = 12;

/**
 * A text without the secrets that were sent to who wrote it, as they are, in hexadecimal, in base64 of
 * either alphabet or percent-encoded: each stretch of one, of twelve characters or all of it, gives way to
 * `[redacted]`. The time it takes grows with the lengths, not with their product.
 */
export function redact(text: string, secrets: Iterable<string>): string {
  const windows = new Map<number, Set<string>>();
  for (const secret of secrets) {
    for (const form of formsOf(secret)) {
      const width = Math.min(WINDOW, form.length);
      const known = windows.get(width) ?? new Set();
      for (let at = 0; at + width <= form.length; at += 1) known.add(form.slice(at, at + width));
      windows.set(width, known);
    }
  }
  const longestFirst = [...windows].sort(([one], [other]) => other - one);
  return longestFirst.reduce((left, [width, known]) => without(left, known, width), text);
}

/** What stands for a secret in a text. One too short for a window of base64 is only looked for as it is. */
function formsOf(secret: string): readonly string[] {
  if (secret === "") return [];
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const base64 = [0, 1, 2]
    .map((before) => base64After(before, bytes))
    .filter((form) => form.length >= WINDOW);
  const forms = [
    secret,
    encodeURIComponent(secret),
    hex,
    hex.toUpperCase(),
    ...base64,
    ...base64.map((form) => form.replaceAll("+", "-").replaceAll("/", "_")),
  ];
  return [...new Set(forms)];
}

/** The base64 characters that are made of these bytes alone where so many others stand before them. */
function base64After(before: number, bytes: Buffer): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
  const whole = Math.floor(((before + bytes.length) * 8) / 6);
  return text.slice(Math.ceil((before * 8) / 6), whole);
}

function without(text: string, windows: ReadonlySet<string>, width: number): string {
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
