import { FleetsecError } from "./errors.ts";

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const FORM = /^(\d{1,10})([smhd])$/;

/** `90s`, `5m`, `24h`, `30d` in seconds, or undefined for anything else. Zero is no duration. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = FORM.exec(text) ?? [];
  if (count === undefined || unit === undefined) return undefined;
  const seconds = Number(count) * SECONDS[unit as keyof typeof SECONDS];
  return seconds === 0 ? undefined : seconds;
}

/** The same for a flag's value. @throws FleetsecError `usage` */
export function durationFlag(text: string, flag: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) {
    throw new FleetsecError("usage", `${flag} is not a duration: ${text}`, {
      hint: "write it as 90s, 5m, 24h or 30d",
    });
  }
  return seconds;
}

/** Seconds as a user would write them: the largest unit that divides them. */
export function formatDuration(seconds: number): string {
  for (const unit of ["d", "h", "m"] as const) {
    if (seconds % SECONDS[unit] === 0 && seconds >= SECONDS[unit]) return `${seconds / SECONDS[unit]}${unit}`;
  }
  return `${seconds}s`;
}
