/** What `JSON.parse` does not tell of a text that it accepts. */
export interface JsonStructure {
  /** The first key that stands twice in one object. */
  readonly duplicate: string | undefined;
  readonly depth: number;
}

/** @param text must be valid JSON */
export function jsonStructure(text: string): JsonStructure {
  /** Keys of the open objects; undefined for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let [duplicate, depth]: [string | undefined, number] = [undefined, 0];
  let keyNext = false;
  for (const token of tokens(text)) {
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

/**
 * Strings, and characters that open, close or separate; what stands between matters not. One expression for a
 * whole string would remember each of its characters, and run out of stack.
 */
function* tokens(text: string): Generator<string> {
  const start = /["{}[\],]/g;
  const stop = /["\\]/g;
  for (let found = start.exec(text); found !== null; found = start.exec(text)) {
    const [token] = found;
    if (token !== '"') {
      yield token;
      continue;
    }
    stop.lastIndex = start.lastIndex;
    while (stop.exec(text)?.[0] === "\\") stop.lastIndex += 1;
    yield text.slice(found.index, stop.lastIndex);
    start.lastIndex = stop.lastIndex;
  }
}
