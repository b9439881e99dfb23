/**
 * Finds out whether an altered line still says the same. Only the digest of the signed line is
 * known, so the line is written in the ways that programs write JSON until one has that digest:
 * what is reported is then proved, and what is not found is not claimed.
 */

export type Rewriting = "line ending" | "white space" | "key order" | "JSON encoding";

/** Longer lines are not examined. */
const MAX_LENGTH = 1 << 20;
const MAX_DEPTH = 64;
/** Most forms of one line that are tried. */
const MAX_FORMS = 64;

/** Orders in which keys were seen, by the set of keys. */
export type KeyOrders = ReadonlyMap<string, readonly string[]>;

/**
 * @param line the altered line, without LF
 * @param isSigned whether a line has the signed digest
 * @param orders key orders seen in intact lines of the batch (`keyOrders`)
 * @returns what was rewritten, where a form of the line with the same meaning was signed
 */
export function rewritingOf(
  line: Buffer,
  isSigned: (form: Buffer) => boolean,
  orders: KeyOrders,
): Rewriting | undefined {
  if (line.length > MAX_LENGTH) return undefined;
  for (const form of lineEndings(line)) if (isSigned(form)) return "line ending";
  const value = parse(line);
  if (value === undefined) return undefined;
  let left = MAX_FORMS;
  for (const [rewriting, form] of forms(value, orders)) {
    if (left-- === 0) return undefined;
    if (isSigned(Buffer.from(form, "latin1"))) return rewriting;
  }
  const plain = Buffer.from(JSON.stringify(JSON.parse(line.toString("utf8"))));
  return isSigned(plain) ? "JSON encoding" : undefined;
}

/** The key orders of intact lines; the first line that shows an order decides. */
export function keyOrders(lines: readonly Buffer[]): KeyOrders {
  const orders = new Map<string, readonly string[]>();
  const learn = (value: Value) => {
    if (typeof value === "string") return;
    if (value.members === undefined) {
      value.items.forEach(learn);
      return;
    }
    const keys = value.members.map(([key]) => key);
    const name = nameOf(keys);
    if (!orders.has(name)) orders.set(name, keys);
    for (const [, member] of value.members) learn(member);
  };
  for (const line of lines) {
    const value = line.length > MAX_LENGTH ? undefined : parse(line);
    if (value !== undefined) learn(value);
  }
  return orders;
}

function lineEndings(line: Buffer): Buffer[] {
  const withoutReturn = line.at(-1) === 0x0d ? [line.subarray(0, -1)] : [];
  return [...withoutReturn, Buffer.concat([line, Buffer.from("\r")])];
}

/** A scalar as it is written, or what it is made of; keys as they are written, quotes included. */
type Value =
  | string
  | { readonly items: readonly Value[]; readonly members?: undefined }
  | { readonly members: readonly (readonly [string, Value])[] };

interface Separators {
  readonly colon: string;
  readonly comma: string;
}

/** Compact (JavaScript, Go), spaced (Python, Ruby), and the two mixtures that are met. */
const SEPARATORS: readonly Separators[] = [
  { colon: ":", comma: "," },
  { colon: ": ", comma: ", " },
  { colon: ": ", comma: "," },
  { colon: ":", comma: ", " },
];

function* forms(value: Value, orders: KeyOrders): Generator<[Rewriting, string]> {
  const arrangements: readonly [Rewriting, (keys: readonly string[]) => readonly string[]][] = [
    ["white space", (keys) => keys],
    ["key order", (keys) => orders.get(nameOf(keys)) ?? keys],
    ["key order", (keys) => [...keys].sort()],
  ];
  for (const [rewriting, arrange] of arrangements) {
    for (const separators of SEPARATORS) {
      const form = write(value, separators, arrange);
      yield [rewriting, form];
      yield [rewriting, `${form}\r`];
    }
  }
}

function write(
  value: Value,
  separators: Separators,
  arrange: (keys: readonly string[]) => readonly string[],
): string {
  if (typeof value === "string") return value;
  if (value.members === undefined) {
    return `[${value.items.map((item) => write(item, separators, arrange)).join(separators.comma)}]`;
  }
  const members = new Map(value.members);
  // a key that occurs twice has no order of its own
  const keys =
    members.size === value.members.length ? arrange([...members.keys()]) : value.members.map(([key]) => key);
  const parts = keys.map((key, i) => {
    const member = members.size === value.members.length ? members.get(key) : value.members[i]?.[1];
    return `${key}${separators.colon}${write(member ?? "", separators, arrange)}`;
  });
  return `{${parts.join(separators.comma)}}`;
}

function nameOf(keys: readonly string[]): string {
  return [...keys].sort().join();
}

/** JSON in latin1 (one character a byte), scalars kept as they are written; undefined where it is none. */
function parse(line: Buffer): Value | undefined {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
  } catch {
    return undefined; // not JSON: there is no meaning to compare
  }
  const tokens = line.toString("latin1").match(TOKEN) ?? [];
  let next = 0;
  const take = (depth: number): Value | undefined => {
    if (depth > MAX_DEPTH) return undefined;
    const token = tokens[next++];
    if (token === "[") return takeItems(depth);
    if (token === "{") return takeMembers(depth);
    return token;
  };
  const takeItems = (depth: number): Value | undefined => {
    const items: Value[] = [];
    while (tokens[next] !== "]") {
      const item = take(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
      if (tokens[next] === ",") next += 1;
    }
    next += 1;
    return { items };
  };
  const takeMembers = (depth: number): Value | undefined => {
    const members: [string, Value][] = [];
    while (tokens[next] !== "}") {
      const key = tokens[next] ?? "";
      next += 2;
      const member = take(depth + 1);
      if (member === undefined) return undefined;
      members.push([key, member]);
      if (tokens[next] === ",") next += 1;
    }
    next += 1;
    return { members };
  };
  return take(0);
}

/** Tokens of a text that is known to be JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g;
