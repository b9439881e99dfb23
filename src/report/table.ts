import { stripVTControlCharacters } from "node:util";

/** A column of which a few characters tell enough. */
export interface Yielding {
  readonly column: number;
  /** How many characters stay, beside the `…`. */
  readonly least: number;
}

/**
 * Rows in aligned columns, separated by two spaces. Where the table is wider than `columns`, the
 * widest column gives way and its cells end in `…`. Cells are escaped already and may be styled.
 * @param first gives way before any other
 */
export function table(rows: readonly (readonly string[])[], columns: number, first?: Yielding): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, width(cell))));
  let excess = widths.reduce((sum, w) => sum + w + 2, -2) - columns;
  if (first !== undefined && excess > 0) {
    const whole = widths[first.column] ?? 0;
    const narrow = Math.min(whole, Math.max(first.least + 1, whole - excess));
    widths[first.column] = narrow;
    excess -= whole - narrow;
  }
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= MIN_WIDTH) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => fit(cell, widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const MIN_WIDTH = 6;

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

function fit(cell: string, to: number): string {
  const excess = width(cell) - to;
  if (excess <= 0) return cell + " ".repeat(-excess);
  // a cell that has to be cut loses its style: cutting inside an escape sequence would leak it
  return `${stripVTControlCharacters(cell).slice(0, to - 1)}…`;
}
