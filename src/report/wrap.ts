/**
 * Text in lines of at most `columns` characters, broken at spaces or after commas; what has neither
 * is cut. The text is escaped already and has no colours.
 */
export function wrap(text: string, columns: number): string[] {
  const width = Math.max(columns, 10);
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const comma = rest.lastIndexOf(",", width - 1) + 1;
    const at = Math.max(space, comma) > 0 ? Math.max(space, comma) : width;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
