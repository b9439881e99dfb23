/** What the service said to a client, in the terms that every protocol shares. */
export interface Answer {
  /** For people: `HTTP 403`, `41 bytes`. Two answers of one kind have the same label. */
  readonly label: string;
  /**
   * What it means by itself: the request was granted; the client was denied; other credentials
   * (a token, say) were asked for; the service is overloaded or broken; it ended the exchange without a
   * word, as a close does; none of these.
   */
  readonly meaning: "granted" | "denied" | "challenged" | "overloaded" | "ended" | "other";
  /** What answers of one kind are compared by: the body, a banner. */
  readonly content: Uint8Array;
  /** What header fields tell of a content, be it sent or not: `etag: "1a"`. Of an empty one, nothing. */
  readonly traits?: readonly string[];
  /** It is a denial, and the rest of it had not come. */
  readonly goesOn?: true;
  /** What else came with it, such as the values of header fields: what is denied may stand there. */
  readonly aside?: readonly string[];
  /** What it hands out for later requests, each as `name=value`. */
  readonly cookies?: readonly string[];
  /** What people should know beside the verdict. */
  readonly notice?: string;
  /** Compared in place of the content, where that differs from client to client. */
  readonly essence?: Uint8Array;
}

/** RFC 7838, section 3, and RFC 9114, section 3.1.1: another way in, over QUIC. */
export const NAMES_HTTP3 = "Alt-Svc names HTTP/3, which is not probed";

/** What two answers have in common must be as long as this to say something about a third. */
const MIN_COMMON = 8;

/** Bytes of what differs each time may be alike by chance, at either end. */
const BY_CHANCE = 2;

/**
 * Whether an answer is one that the control got. Where the controls' own answers differ (a date, a
 * request id), all that they have in common decides: both ends together, and the words between.
 */
export function sameAnswer(answer: Answer, controls: readonly Answer[]): boolean {
  const same = controls.filter(({ label }) => label === answer.label);
  if (same.some((one) => equal(essence(one), essence(answer)))) return true;
  const [first, second] = same;
  if (first === undefined || second === undefined) return false;
  const common = commonParts(essence(first), essence(second));
  if (common < MIN_COMMON) return false;
  const least = Math.max(MIN_COMMON, common - BY_CHANCE);
  if ([first, second].some((one) => likeness(one, answer) < least)) return false;
  const [theirs, words] = [wordsOf(second), wordsOf(answer)];
  return [...wordsOf(first)].every((word) => !theirs.has(word) || words.has(word));
}

/** Whether what a service says differs from time to time, with nothing in common to know it by. */
export function areUnlike(controls: readonly Answer[]): boolean {
  const [first, second] = controls;
  if (first === undefined || second === undefined || equal(essence(first), essence(second))) return false;
  return commonParts(essence(first), essence(second)) < MIN_COMMON;
}

/**
 * How many bytes two contents have in common at the beginning and at the end, up to the last whole word: two
 * numbers, or two random tokens, begin alike by chance.
 */
function commonParts(a: Uint8Array, b: Uint8Array): number {
  let atBeginning = commonLength(a, b);
  const [left, right] = [a.subarray(atBeginning), b.subarray(atBeginning)];
  while (
    atBeginning > 0 &&
    isInWord(a[atBeginning - 1]) &&
    (isInWord(a[atBeginning]) || isInWord(b[atBeginning]))
  )
    atBeginning -= 1;
  let atEnd = commonLength(left.toReversed(), right.toReversed());
  const inWord = (one: Uint8Array) => isInWord(one.at(-atEnd - 1));
  while (atEnd > 0 && isInWord(left.at(-atEnd)) && (inWord(left) || inWord(right))) atEnd -= 1;
  return atBeginning + atEnd;
}

/** A letter or a digit of ASCII. */
function isInWord(byte: number | undefined): boolean {
  return byte !== undefined && /[a-z0-9]/i.test(String.fromCharCode(byte));
}

/** Those of letters alone: numbers and random tokens may be the same twice, and not the third time. */
function wordsOf(answer: Answer): Set<string> {
  const words = Buffer.from(essence(answer))
    .toString("latin1")
    .split(/[^a-z0-9]+/i);
  return new Set(words.filter((word) => /^[a-z]{3,}$/i.test(word)));
}

/** Whether it grants nothing and holds nothing: whoever gets the like may get it for another reason. */
export function saysNothing(answer: Answer): boolean {
  return answer.meaning !== "granted" && essence(answer).length === 0;
}

/** How many bytes two answers have in common at the beginning and at the end. */
function likeness(one: Answer, other: Answer): number {
  const [a, b] = [essence(one), essence(other)];
  const atBeginning = commonLength(a, b);
  const [left, right] = [a.subarray(atBeginning).toReversed(), b.subarray(atBeginning).toReversed()];
  return atBeginning + commonLength(left, right);
}

function essence(answer: Answer): Uint8Array {
  return answer.essence ?? answer.content;
}

/** Whether two answers are equal, or begin and end alike for long enough to mean something. */
export function areAlike(a: Answer, b: Answer): boolean {
  return equal(essence(a), essence(b)) || likeness(a, b) >= MIN_COMMON;
}

export function holds(answer: Answer, canary: string): boolean {
  return Buffer.from(answer.content).includes(canary);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && commonLength(a, b) === a.length;
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
}
