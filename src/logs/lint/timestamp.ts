const FORM = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?([Zz]|[+-](\d{2}):(\d{2}))$/;

/** Whether text is a date and time of RFC 3339 that exists; a leap second may. */
export function isRfc3339(text: string): boolean {
  const match = FORM.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const [offsetHour = 0, offsetMinute = 0] = match.slice(9, 11).map((digits) => Number(digits ?? 0));
  // day 0 of the next month is the last of this one; setUTCFullYear takes years below 100 as they are
  const last = new Date(0);
  last.setUTCFullYear(year, month, 0);
  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= last.getUTCDate() &&
    hour <= 23 &&
    minute <= 59 &&
    second <= (minute === 59 ? 60 : 59) &&
    offsetHour <= 23 &&
    offsetMinute <= 59
  );
}

/** What RFC 3339 text says, in milliseconds since the epoch; a leap second is the second after it. Undefined for other text. */
export function instantOf(text: string): number | undefined {
  if (!isRfc3339(text)) return undefined;
  const isLeap = text.startsWith("60", 17);
  return Date.parse(isLeap ? `${text.slice(0, 17)}59${text.slice(19)}` : text) + (isLeap ? 1000 : 0);
}
