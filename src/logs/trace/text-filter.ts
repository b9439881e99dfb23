/** Which records may contain one of some texts, as it is or with escapes. */
export interface TextFilter {
  /** Whether it is quicker to read every record than to ask about each. */
  readonly readsAll: boolean;
  readonly mayHave: (record: Buffer) => boolean;
}

/** Of more texts than this, every record is read. */
const MAX_SOUGHT = 8;
const BACKSLASH = 0x5c;

/** @param texts none: any record may be wanted */
export function textFilter(texts: readonly string[]): TextFilter {
  if (texts.length > MAX_SOUGHT) return { readsAll: true, mayHave: wordFilter(texts) };
  const sought = texts.map((text) => Buffer.from(text));
  const mayHave = (record: Buffer) =>
    sought.length === 0 || record.includes(BACKSLASH) || sought.some((text) => record.includes(text));
  return { readsAll: false, mayHave };
}

const ONE_WORD = /^[\w-]+$/;
const WORDS = /[\w-]+/g;

/** Of many texts, those that are words are compared with all words of a record at once. */
function wordFilter(texts: readonly string[]): TextFilter["mayHave"] {
  const others = texts.filter((text) => !ONE_WORD.test(text));
  if (others.length > MAX_SOUGHT) return () => true;
  const sought = new Set(texts);
  return (record) => {
    if (record.includes(BACKSLASH) || others.some((text) => record.includes(text))) return true;
    return (record.toString("latin1").match(WORDS) ?? []).some((word) => sought.has(word));
  };
}
