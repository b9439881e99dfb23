const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** `3 h`, `2 d`: a length of time in its largest unit, rounded down. @param milliseconds not negative */
export function roughDuration(milliseconds: number): string {
  const [unit, length] = UNITS.find(([, size]) => milliseconds >= size) ?? ["s", 1000];
  return `${Math.floor(milliseconds / length)} ${unit}`;
}
