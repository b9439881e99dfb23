/** Characters that are written at once. */
const BLOCK = 1 << 16;

/** The same text in fewer pieces: a system call for each of many would take its time. */
export function* blocksOf(pieces: Iterable<string>): Generator<string> {
  let block = "";
  for (const piece of pieces) {
    block += piece;
    if (block.length < BLOCK) continue;
    yield block;
    block = "";
  }
  if (block !== "") yield block;
}

/**
 * `JSON.stringify({ ...head, [key]: [...items] }, null, 2)` and a newline, a piece for each item: for
 * lists that are not to be in memory as a whole.
 */
export function* jsonWithList(head: object, key: string, items: Iterable<object>): Generator<string> {
  const [open = "", close = ""] = JSON.stringify({ ...head, [key]: [null] }, null, 2).split(
    /\n {4}null\n {2}(?=\]\n\}$)/,
  );
  let isFirst = true;
  for (const item of items) {
    // no newline stands inside a JSON string
    const text = JSON.stringify(item, null, 2).replaceAll("\n", "\n    ");
    yield `${isFirst ? open : ","}\n    ${text}`;
    isFirst = false;
  }
  yield isFirst ? `${open}${close}\n` : `\n  ${close}\n`;
}
