/** What `JSON.parse` does not tell of a text that it accepts. */
export interface JsonStructure {
  /** The first key that stands twice in one object. */
  readonly duplicate: string | undefined;
  readonly depth: number;
}

/** A string, or a character that opens, closes or separates; what stands between matters not. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],]/gs;

/** @param text must be valid JSON */
export function jsonStructure(text: string): JsonStructure {
  /** Keys of the open objects; undefined for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let [duplicate, depth]: [string | undefined, number] = [undefined, 0];
  let keyNext = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const keys = open.at(-1);
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : undefined);
      depth = Math.max(depth, open.length);
      keyNext = token === "{";
    } else if (token === "}" || token === "]") {
      open.pop();
      keyNext = false;
    } else if (token === ",") {
      keyNext = keys !== undefined;
    } else if (keyNext && keys !== undefined) {
      // an escape may spell the same key otherwise
      const key = JSON.parse(token) as string;
      if (keys.has(key)) duplicate ??= key;
      keys.add(key);
      keyNext = false;
    }
  }
  return { duplicate, depth };
}
