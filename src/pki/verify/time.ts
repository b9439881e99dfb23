/** `2026-03-01T12:00:00Z`: to the second, as certificates have it. @param at milliseconds since the Unix epoch */
export function isoTime(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");
}
