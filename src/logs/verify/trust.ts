import { FleetsecError } from "../../errors.ts";
import { httpUrl } from "../http-url.ts";
import { parseVerifierKey, type VerifierKey } from "../verifier-key.ts";

/** Sizes of the checkpoints that a key may sign, the first and the last. */
export interface SizeRange {
  readonly first: number;
  /** Infinity while the key is in use. */
  readonly last: number;
}

/** A log's key, and for which sizes it counts; absent where it always does. */
export interface LogKey extends VerifierKey {
  readonly sizes?: SizeRange;
}

/** Whether a log's key may sign a checkpoint of that size. */
export function maySign({ sizes }: LogKey, size: number): boolean {
  return sizes === undefined || (sizes.first <= size && size <= sizes.last);
}

/** Whom an auditor believes: the keys of logs, and the witnesses whose cosignatures are demanded. */
export interface Trust {
  readonly logs: readonly LogKey[];
  /** By the name that the policy gives them. */
  readonly witnesses: ReadonlyMap<string, VerifierKey>;
  /** Where they take checkpoints, by the same name, where the policy says so. */
  readonly witnessUrls: ReadonlyMap<string, URL>;
  /** What a checkpoint's cosignatures must fulfil; undefined for `quorum none` and for key files. */
  readonly quorum: Quorum | undefined;
}

/** A witness, or a group of which at least `threshold` members must have witnessed. */
export type Quorum =
  | { readonly witness: string }
  | { readonly group: string; readonly threshold: number; readonly members: readonly Quorum[] };

export const MAX_TRUST_SIZE = 1 << 20;
/** Witnesses and groups in a policy; tlog-policy recommends 32 of each or more. */
const MAX_NAMES = 1000;
/** Problems that are told one by one: a file that is something else altogether has one a line. */
const MAX_PROBLEMS = 10;

/** Whether the witnesses that cosigned, by their names, are enough. */
export function quorumMet(quorum: Quorum, cosigned: ReadonlySet<string>): boolean {
  if ("witness" in quorum) return cosigned.has(quorum.witness);
  return quorum.members.filter((member) => quorumMet(member, cosigned)).length >= quorum.threshold;
}

/**
 * Reads a file of verifier keys, one a line, or a C2SP tlog-policy file. In both, empty lines and
 * lines that begin with `#` are passed over, and a log's key may be followed by the sizes for which
 * it counts, as `1-120` or `120-` (an extension of ours to tlog-policy).
 * @param name of the file, for messages
 * @throws FleetsecError `input` with every problem and its line
 */
export function parseTrust(bytes: Buffer, name: string): Trust {
  // A policy is a file of octets: one character each, so that names compare as octets.
  const lines = bytes
    .toString("latin1")
    .split("\n")
    .map((text, i) => ({ number: i + 1, items: itemsOf(text), text }))
    .filter(({ items }) => items.length > 0 && items[0]?.startsWith("#") !== true);
  const problems: string[] = [];
  const attempt = (line: number, action: () => void) => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof FleetsecError)) throw error;
      problems.push(`line ${line}: ${error.message}`);
    }
  };
  for (const { number, text } of lines) attempt(number, () => checkCharacters(text));
  const policy = emptyPolicy();
  if (problems.length === 0) {
    const isKeys = lines.every(
      ({ items: [, second, third] }) => third === undefined && isRangeOrNone(second),
    );
    const read = isKeys ? readKey : readPolicyLine;
    for (const { number, items } of lines) attempt(number, () => read(policy, items));
    if (problems.length === 0 && read === readPolicyLine && policy.quorum === undefined) {
      problems.push("a policy needs one quorum line: `quorum none` demands no witness");
    }
    if (problems.length === 0 && policy.logs.length === 0) problems.push("it names no log's key");
  }
  if (problems.length > 0) {
    throw new FleetsecError("input", `${name} is no trust file`, {
      problems:
        problems.length > MAX_PROBLEMS
          ? [...problems.slice(0, MAX_PROBLEMS), `and ${problems.length - MAX_PROBLEMS} more`]
          : problems,
      hint: "name the .pub file that logs keygen wrote, or a C2SP tlog-policy file",
    });
  }
  return {
    logs: policy.logs,
    witnesses: policy.witnesses,
    witnessUrls: policy.urls,
    quorum: policy.quorum === "none" ? undefined : policy.quorum,
  };
}

/** `FIRST-LAST`, or `FIRST-` while the key is in use. */
const RANGE = /^([1-9]\d{0,14})-([1-9]\d{0,14})?$/;

function isRangeOrNone(item: string | undefined): boolean {
  return item === undefined || RANGE.test(item);
}

function parseRange(item: string): SizeRange {
  const [, first, last] = RANGE.exec(item) ?? [];
  const sizes = { first: Number(first), last: last === undefined ? Number.POSITIVE_INFINITY : Number(last) };
  demand(sizes.first <= sizes.last, "its sizes end before they begin");
  return sizes;
}

interface Policy {
  readonly logs: LogKey[];
  readonly witnesses: Map<string, VerifierKey>;
  readonly urls: Map<string, URL>;
  /** Witnesses and groups, by their names. */
  readonly defined: Map<string, Quorum>;
  /** Names that are a group's member already. */
  readonly grouped: Set<string>;
  quorum: Quorum | "none" | undefined;
}

function emptyPolicy(): Policy {
  return {
    logs: [],
    witnesses: new Map(),
    urls: new Map(),
    defined: new Map(),
    grouped: new Set(),
    quorum: undefined,
  };
}

function itemsOf(line: string): string[] {
  return line.split(/[ \t]+/).filter((item) => item !== "");
}

function checkCharacters(text: string): void {
  // eslint-disable-next-line no-control-regex
  if (!/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(text)) {
    throw problem(text.endsWith("\r") ? "it ends with CR LF, not LF" : "it has a control character");
  }
}

function readKey(policy: Policy, [text = "", range]: readonly string[]): void {
  addLog(policy, text, range);
}

/** One line of a policy (C2SP tlog-policy, "Policy file syntax and structure"). */
function readPolicyLine(policy: Policy, [keyword, ...rest]: readonly string[]): void {
  switch (keyword) {
    case "log": {
      const range = rest.slice(1).find((item) => RANGE.test(item));
      const others = rest.length - (range === undefined ? 0 : 1);
      demand(others === 1 || others === 2, "write it as `log VKEY [URL] [FIRST-[LAST]]`");
      addLog(policy, rest[0] ?? "", range);
      return;
    }
    case "witness":
      demand(rest.length === 2 || rest.length === 3, "write it as `witness NAME VKEY [URL]`");
      addWitness(policy, rest[0] ?? "", rest[1] ?? "", rest[2]);
      return;
    case "group":
      demand(rest.length >= 3, "write it as `group NAME all|any|K MEMBER...`");
      addGroup(policy, rest[0] ?? "", rest[1] ?? "", rest.slice(2));
      return;
    case "quorum": {
      demand(rest.length === 1, "write it as `quorum NAME`, or `quorum none`");
      demand(policy.quorum === undefined, "there is a quorum line already");
      const name = rest[0] ?? "";
      policy.quorum = name === "none" ? "none" : definedAs(policy, name);
      return;
    }
    default:
      throw problem("it begins with none of log, witness, group and quorum");
  }
}

function addLog(policy: Policy, text: string, range: string | undefined): void {
  const key = parseKey(text);
  demand(key.type !== "cosignature/v1", "a witness's key does not sign a log");
  demand(!policy.logs.some((known) => isSameKey(known, key)), "that key is listed already");
  policy.logs.push(range === undefined ? key : { ...key, sizes: parseRange(range) });
}

/**
 * Whether two are one key. Of different types they are not compared: OpenSSL would remember that as an
 * error, and Node would throw it at whoever reads a private key next.
 */
function isSameKey({ publicKey }: VerifierKey, other: VerifierKey): boolean {
  const { asymmetricKeyType } = other.publicKey;
  return publicKey.asymmetricKeyType === asymmetricKeyType && publicKey.equals(other.publicKey);
}

function addWitness(policy: Policy, name: string, text: string, url: string | undefined): void {
  const key = parseKey(text);
  demand(key.type === "cosignature/v1", "a witness's key has type 04 (cosignature/v1)");
  const known = [...policy.witnesses.values()].some((other) => isSameKey(other, key));
  demand(!known, "that key is listed already");
  define(policy, name, { witness: name });
  policy.witnesses.set(name, key);
  if (url === undefined) return;
  const prefix = httpUrl(url, "the URL of a witness");
  // what is added to it takes the place of whatever follows its last slash
  if (!prefix.pathname.endsWith("/")) prefix.pathname += "/";
  policy.urls.set(name, prefix);
}

function addGroup(policy: Policy, name: string, count: string, names: readonly string[]): void {
  const members = names.map((member) => definedAs(policy, member));
  for (const member of names) {
    demand(!policy.grouped.has(member), "a name can be a member only once");
    policy.grouped.add(member);
  }
  const threshold = count === "all" ? members.length : count === "any" ? 1 : Number(count);
  const inRange = threshold >= 1 && threshold <= members.length;
  const decimal = count === "all" || count === "any" || /^[1-9]\d{0,5}$/.test(count);
  demand(decimal && inRange, "the threshold is `all`, `any`, or 1 up to the number of members");
  define(policy, name, { group: name, threshold, members });
}

function define(policy: Policy, name: string, quorum: Quorum): void {
  demand(name !== "none", "`none` is no name");
  demand(!policy.defined.has(name), "that name is taken");
  demand(policy.defined.size < MAX_NAMES, `it defines more than ${MAX_NAMES} witnesses and groups`);
  policy.defined.set(name, quorum);
}

function definedAs(policy: Policy, name: string): Quorum {
  const quorum = policy.defined.get(name);
  if (quorum === undefined) throw problem("it refers to a name that no line above defines");
  return quorum;
}

/** A verifier key; its name is UTF-8. */
function parseKey(octets: string): VerifierKey {
  return parseVerifierKey(Buffer.from(octets, "latin1").toString("utf8"));
}

function demand(condition: boolean, message: string): void {
  if (!condition) throw problem(message);
}

function problem(message: string): FleetsecError {
  return new FleetsecError("input", message);
}
