import type { Answer } from "../answer.ts";
import { withoutReferences } from "./escapes.ts";

/** Of one denial, no more are looked at. */
const MAX_READINGS = 128;
/** Nor are more objects of one text. */
const MAX_OBJECTS = 64;
/** Shorter texts within others say nothing. */
const MIN_TEXT = 16;

/**
 * An answer in which something else may stand, each text of its own: the content, JSON that a page shows,
 * header fields and trailers, texts in JSON.
 */
export function readingsOf({ content, aside = [] }: Answer): Buffer[] {
  const whole = Buffer.from(content);
  const shown = Buffer.from(withoutReferences(whole.toString("latin1")), "latin1");
  const found: Buffer[] = [
    whole,
    ...(parsed(shown) === undefined ? [] : [shown]),
    ...aside.map((text) => Buffer.from(text, "latin1")),
  ];
  for (const one of found) {
    if (found.length >= MAX_READINGS) break;
    found.push(...textsIn(parsed(one)));
  }
  return found.slice(0, MAX_READINGS);
}

function textsIn(said: unknown): Buffer[] {
  const values = typeof said === "string" ? [said] : objectsIn(said).flatMap((one) => Object.values(one));
  return values
    .filter((value) => typeof value === "string" && value.length >= MIN_TEXT)
    .map((value) => Buffer.from(String(value), "utf8"));
}

/** The texts, numbers and the like of a JSON value, as they are written. */
export function valuesIn(said: unknown): string[] {
  const found = [said];
  for (const one of found) {
    // as arguments of one call, there may be too many
    if (isNested(one)) for (const value of Object.values(one)) found.push(value);
  }
  return found.filter((one) => !isNested(one)).map(String);
}

/** The objects and lists of a JSON value, the outer ones first. */
export function objectsIn(said: unknown): Nested[] {
  const found = [said].filter(isNested);
  for (const one of found) {
    if (found.length >= MAX_OBJECTS) break;
    found.push(...Object.values(one).filter(isNested).slice(0, MAX_OBJECTS));
  }
  return found.slice(0, MAX_OBJECTS);
}

export type Nested = Readonly<Record<string, unknown>>;

export function isNested(value: unknown): value is Nested {
  return typeof value === "object" && value !== null;
}

/** @returns undefined for what is no JSON */
export function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
