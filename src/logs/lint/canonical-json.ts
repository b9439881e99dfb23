/** JSON values as `JSON.parse` gives them. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The canonical form of a JSON value (RFC 8785, JCS): no white space, keys in the order of their
 * UTF-16 code units, numbers and strings as ECMAScript writes them.
 * @returns undefined where there is none: a number that no double holds, or half a surrogate pair
 */
export function canonicalJson(value: Json): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : undefined;
  if (typeof value === "string") return /\p{Cs}/u.test(value) ? undefined : JSON.stringify(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (isArray(value)) {
    const items = value.map(canonicalJson);
    return items.includes(undefined) ? undefined : `[${items.join(",")}]`;
  }
  const members: string[] = [];
  // the default order of sort() is that of code units
  for (const key of Object.keys(value).sort()) {
    const [name, member] = [canonicalJson(key), canonicalJson(value[key] as Json)];
    if (name === undefined || member === undefined) return undefined;
    members.push(`${name}:${member}`);
  }
  return `{${members.join(",")}}`;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
