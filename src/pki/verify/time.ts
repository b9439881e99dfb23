/** `2026-03-01T12:00:00Z`: to the second, as certificates have it. @param at milliseconds since the Unix epoch */
export function isoTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, -".000Z".length)}Z`;
}
