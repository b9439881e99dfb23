import type { Answer } from "../answer.ts";

/** Less than this, such as `{}`, says nothing, even where it is all there is. */
const MIN_CONTENT = 8;
/** As a part of something else: `authenticated` is also in "you are not authenticated". */
const MIN_PART = 16;
/** Objects are not compared deeper than this. */
const MAX_DEPTH = 32;
/** Nor are more of them looked at in one denial. */
const MAX_OBJECTS = 64;

/** A denial in name only: it holds what every valid client was granted, whatever stands around it (CWE-698). */
export function leaks({ content }: Answer, controls: readonly Answer[]): boolean {
  if (controls.length === 0 || controls.some(({ meaning }) => meaning !== "granted")) return false;
  const denial = Buffer.from(content);
  return controls.every((control) => isIn(denial, control.content)) || holdsFields(denial, controls);
}

function isIn(denial: Buffer, granted: Uint8Array): boolean {
  if (granted.length >= MIN_CONTENT && denial.equals(granted)) return true;
  const text = Buffer.from(Buffer.from(granted).toString("latin1").trim(), "latin1");
  return text.length >= MIN_PART && denial.includes(text);
}

/** JSON with every field that valid clients were granted, and the values that did not change between them. */
function holdsFields(denial: Buffer, controls: readonly Answer[]): boolean {
  const [first, second = first] = controls.map(({ content }) => parsed(Buffer.from(content)));
  return (
    isNested(first) && objectsIn(parsed(denial)).some((one) => agreeing(first, second, one, 0) >= MIN_PART)
  );
}

/** What was granted may stand within what is said of the denial. Each is compared with all that was granted. */
function objectsIn(said: unknown): unknown[] {
  const found = [said].filter(isNested);
  for (const one of found) {
    if (found.length >= MAX_OBJECTS) break;
    found.push(...Object.values(one).filter(isNested));
  }
  return found.slice(0, MAX_OBJECTS);
}

/**
 * How much of two controls' values, in characters, a third one repeats; negative where it lacks a field
 * of both, or has another value where theirs are equal.
 */
function agreeing(first: unknown, second: unknown, third: unknown, depth: number): number {
  if (depth > MAX_DEPTH) return Number.NEGATIVE_INFINITY;
  if (!isNested(first) || !isNested(second)) {
    if (isNested(first) || isNested(second) || first !== second) return 0;
    return first === third ? String(first).length : Number.NEGATIVE_INFINITY;
  }
  if (!isNested(third) || Array.isArray(first) !== Array.isArray(third)) return Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const [name, value] of Object.entries(first)) {
    if (!Object.hasOwn(second, name)) continue;
    if (!Object.hasOwn(third, name)) return Number.NEGATIVE_INFINITY;
    const length = agreeing(value, second[name], third[name], depth + 1);
    sum += length > 0 ? name.length + length : length;
  }
  return sum;
}

function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** @returns undefined for what is no JSON */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
