import type { Answer } from "../answer.ts";
import type { HttpRequest } from "../protocols/http.ts";
import type { Encounter } from "./judgement.ts";
import { plain } from "./escapes.ts";
import { isNested, type Nested, objectsIn, parsed, readingsOf, valuesIn } from "./readings.ts";

/** Less than this, such as `{}`, says nothing, even where it is all there is. */
const MIN_CONTENT = 8;
/** As a part of something else: `authenticated` is also in "you are not authenticated". */
const MIN_PART = 16;
/** Objects are not compared deeper than this. */
const MAX_DEPTH = 32;

/**
 * A denial in name only: it holds what every valid client was granted, whatever stands around it (CWE-698),
 * and in whatever order. What repeats the request says nothing that strangers do not know.
 */
export function leaks(denial: Answer, controls: readonly Encounter[]): boolean {
  const answers = controls.flatMap(({ answer }) => answer ?? []);
  if (answers.length === 0 || answers.some(({ meaning }) => meaning !== "granted")) return false;
  const contents = answers.map(({ content }) => Buffer.from(content));
  if (
    controls.some(({ asked, answer }) => asked !== undefined && answer !== undefined && echoes(answer, asked))
  )
    return false;
  const whole = Buffer.from(denial.content);
  if (contents.every((one) => one.length >= MIN_CONTENT && whole.equals(one))) return true;
  const [first, second = first] = contents.map(parsed);
  const written = answers.map(grantedAsWritten);
  return readingsOf(denial).some((text) => {
    const said = asWritten(text);
    return written.every((one) => isIn(said, one)) || holdsFields(text, first, second);
  });
}

/** A text as it stands, and what it says. */
interface Written {
  readonly text: string;
  readonly plain: string;
}

function asWritten(bytes: Buffer): Written {
  const text = bytes.toString("latin1").trim();
  return { text, plain: plain(text) };
}

/** What valid clients were granted is looked for in each denial. */
const grants = new WeakMap<Answer, Written>();

function grantedAsWritten(answer: Answer): Written {
  const written = grants.get(answer) ?? asWritten(Buffer.from(answer.content));
  grants.set(answer, written);
  return written;
}

function isIn(denial: Written, granted: Written): boolean {
  return (["text", "plain"] as const).some(
    (form) => granted[form].length >= MIN_PART && denial[form].includes(granted[form]),
  );
}

/** Nothing but the request, and a few words: of JSON, the names of its fields are none. */
function echoes({ content }: Answer, { method, path, authority, fields }: HttpRequest): boolean {
  const [host = authority] = authority.split(":");
  const told = [path, authority, host, method, ...fields.flat()].map(plain).filter((one) => one.length > 1);
  const said = parsed(Buffer.from(content));
  const texts = said === undefined ? [content] : valuesIn(said);
  let [repeated, around, own] = [false, 0, 0];
  for (const one of texts) {
    const text = plain(Buffer.from(one).toString("latin1"));
    const rest = told.reduce((left, word) => left.replaceAll(word, ""), text);
    const words = rest.replaceAll(/[^a-z0-9]/gi, "").length;
    if (rest.length < text.length) [repeated, around] = [true, around + words];
    else own += words;
    if (own >= MIN_CONTENT || own + around >= MIN_PART) return false;
  }
  return repeated;
}

/** JSON with every field that valid clients were granted, and the values that did not change between them. */
function holdsFields(denial: Buffer, first: unknown, second: unknown): boolean {
  if (!isNested(first)) return false;
  const [one, other] = [inOrder(first), inOrder(second)];
  return objectsIn(parsed(denial)).some((said) => {
    const ordered = inOrder(said);
    return MEASURES.some(
      (measure) =>
        agreeing(first, second, said, measure) >= MIN_PART ||
        agreeing(one, other, ordered, measure) >= MIN_PART,
    );
  });
}

/** What of two values is compared, and how. */
interface Measure {
  readonly depth: number;
  /** What stands here is what is served, and not what it is served in. */
  readonly counts: boolean;
  /** What was empty may have been filled, as a list of errors is. */
  readonly fills: boolean;
}

/** Where a denial fills what was empty, an envelope may be all that it shares: then only what lists hold counts. */
const MEASURES: readonly Measure[] = [
  { depth: 0, counts: true, fills: false },
  { depth: 0, counts: false, fills: true },
];

/** With each list in one order, whatever its own is. */
function inOrder(value: unknown): unknown {
  return sorted(value, 0).value;
}

function sorted(value: unknown, depth: number): { readonly value: unknown; readonly key: string } {
  if (!isNested(value) || depth > MAX_DEPTH) return { value, key: isNested(value) ? "" : String(value) };
  const items = Object.entries(value).map(([name, one]) => ({ name, ...sorted(one, depth + 1) }));
  const order = (one: string, other: string) => (one < other ? -1 : Number(one > other));
  if (Array.isArray(value)) items.sort((a, b) => order(a.key, b.key));
  else items.sort((a, b) => order(a.name, b.name));
  return {
    value: Array.isArray(value)
      ? items.map((item) => item.value)
      : Object.fromEntries(items.map((item) => [item.name, item.value])),
    key: items.map(({ name, key }) => (Array.isArray(value) ? key : `${name}:${key}`)).join(),
  };
}

/**
 * How much of two controls' values, in characters, a third one repeats; negative where it lacks a field
 * of both, or has another value where theirs are equal. A list holds theirs with others between as well; where
 * theirs are empty, it is another value.
 */
function agreeing(first: unknown, second: unknown, third: unknown, measure: Measure): number {
  if (measure.depth > MAX_DEPTH) return Number.NEGATIVE_INFINITY;
  if (!isNested(first) || !isNested(second)) {
    if (isNested(first) || isNested(second) || first !== second) return 0;
    if (first !== third) return Number.NEGATIVE_INFINITY;
    return measure.counts ? String(first).length : 0;
  }
  if (!isNested(third) || Array.isArray(first) !== Array.isArray(third)) return Number.NEGATIVE_INFINITY;
  if (!measure.fills && isEmpty(first) && isEmpty(second) && !isEmpty(third)) return Number.NEGATIVE_INFINITY;
  const inner = { ...measure, depth: measure.depth + 1 };
  if (Array.isArray(first))
    return agreeingItems(first, Object.values(second), Object.values(third), { ...inner, counts: true });
  let sum = 0;
  for (const [name, value] of Object.entries(first)) {
    if (!Object.hasOwn(second, name)) continue;
    if (!Object.hasOwn(third, name)) return Number.NEGATIVE_INFINITY;
    const length = agreeing(value, second[name], third[name], inner);
    sum += length > 0 ? name.length + length : length;
  }
  return sum;
}

function isEmpty(value: Nested): boolean {
  return Object.keys(value).length === 0;
}

function agreeingItems(
  first: readonly unknown[],
  second: readonly unknown[],
  third: readonly unknown[],
  measure: Measure,
): number {
  let [sum, at] = [0, 0];
  for (const [i, item] of first.slice(0, second.length).entries()) {
    let length = Number.NEGATIVE_INFINITY;
    for (; length < 0 && at < third.length; at += 1) length = agreeing(item, second[i], third[at], measure);
    if (length < 0) return length;
    sum += length > 0 ? 1 + length : length;
  }
  return sum;
}
