import { FleetsecError } from "../errors.ts";

/** What a placeholder can stand for. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/**
 * Writes a value as one complete token of a file's language, quotes included, on one line.
 * No value can end its token early: what a language cannot express is refused.
 */
export type Quote = (value: Value) => string;

/** The languages that templates are written in, by the names used in `template.yaml`. */
export const formats = {
  nginx: atoms(quoteNginx),
  haproxy: atoms(quoteHaproxy),
  systemd: atoms(quoteSystemd),
  yaml: structures(quoteYaml),
  json: structures(quoteJson),
  rego: structures(quoteJson),
  hcl: structures(quoteHcl),
  shell: atoms(quoteShell),
  text: atoms(plain),
  // copied as it is, for languages that have the same placeholders
  raw: atoms(() => {
    throw new Error("a raw file has no placeholders");
  }),
} satisfies Record<string, Quote>;

export type Format = keyof typeof formats;

/** Array.isArray does not know read-only arrays. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Numbers and booleans stand bare, strings are quoted, and there is nothing else. */
function atoms(quote: (text: string) => string): Quote {
  return (value) => {
    if (typeof value === "string") return quote(value);
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    throw new Error("a list or record cannot be written in this format: use a section");
  };
}

/** Lists and records in flow style, as JSON has them. */
function structures(quote: (text: string) => string): Quote {
  const write: Quote = (value) => {
    if (typeof value === "string") return quote(value);
    if (value === null || typeof value !== "object") return String(value);
    if (isList(value)) return `[${value.map(write).join(", ")}]`;
    const entries = Object.entries(value).map(([key, item]) => `${quote(key)}: ${write(item)}`);
    return `{${entries.join(", ")}}`;
  };
  return write;
}

/**
 * nginx (ngx_conf_read_token): within double quotes only \" \' \\ \t \r \n are escapes. A `$` starts
 * a variable in many directives and has no escape; a leading `~` makes a name a regular expression.
 */
function quoteNginx(text: string): string {
  refuse(text, /[^\P{Cc}\t\r\n]|\p{Cs}/u, "nginx cannot hold control characters");
  refuse(text, /\$/, "nginx would take $ for the start of a variable");
  refuse(text, /^~/, "nginx would take a leading ~ for a regular expression");
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/[\t\r\n]/g, (c) => LINES[c] ?? c)}"`;
}

const LINES: Readonly<Record<string, string>> = { "\t": "\\t", "\r": "\\r", "\n": "\\n" };

/**
 * HAProxy (section 2.2 of its manual, "Quoting and escaping"): within double quotes \ escapes, and
 * every byte can be written as \xNN. A `%` would start a sample in a log format and has no one escape.
 */
function quoteHaproxy(text: string): string {
  refuse(text, /\0|\p{Cs}/u, "HAProxy cannot hold a NUL byte");
  refuse(text, /%/, "HAProxy would take % for the start of a sample");
  const bytes = Array.from(Buffer.from(text), (byte) =>
    byte < 0x20 || byte > 0x7e || HAPROXY_SPECIAL.includes(byte)
      ? `\\x${hex(byte, 2)}`
      : String.fromCharCode(byte),
  );
  return `"${bytes.join("")}"`;
}

const HAPROXY_SPECIAL = Buffer.from("\"\\$#'");

/**
 * systemd (systemd.syntax(7), "Quoting"; systemd.unit(5), "Specifiers"): within double quotes \ escapes,
 * and %% is a percent sign everywhere. A `$` starts a variable in command lines, where $$ stands for
 * it, and nowhere else, so there is no one way to write it.
 */
function quoteSystemd(text: string): string {
  refuse(text, /\p{Cc}|\p{Cs}/u, "a unit cannot hold control characters");
  refuse(text, /\$/, "systemd would take $ for the start of a variable");
  return `"${text.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%")}"`;
}

/** YAML 1.1 and 1.2 agree on double-quoted ASCII with \" \\ \xNN \uNNNN \UNNNNNNNN. */
function quoteYaml(text: string): string {
  refuse(text, LONE_SURROGATE, "it is not well-formed Unicode");
  return `"${text.replace(/[^ -~]|["\\]/gu, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    const code = character.codePointAt(0) ?? 0;
    if (code <= 0xff) return `\\x${hex(code, 2)}`;
    return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  })}"`;
}

/** JSON strings in ASCII, which Rego shares; beyond the basic plane as a pair of surrogates. */
function quoteJson(text: string): string {
  refuse(text, LONE_SURROGATE, "it is not well-formed Unicode");
  return JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${hex(unit.charCodeAt(0), 4)}`);
}

/** HCL 2 (its "Quoted Templates") in ASCII: `${` and `%{` would start a template. */
function quoteHcl(text: string): string {
  refuse(text, LONE_SURROGATE, "it is not well-formed Unicode");
  const escaped = text.replace(/[^ -~]|["\\]/gu, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    const code = character.codePointAt(0) ?? 0;
    return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  });
  return `"${escaped.replace(/[$%](?=\{)/g, "$&$&")}"`;
}

/** POSIX shell (section 2.2.2, single quotes): within them nothing is special but their end. */
function quoteShell(text: string): string {
  refuse(text, /\0|\p{Cs}/u, "a shell cannot hold a NUL byte");
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Prose for people: nothing is quoted, so nothing but plain characters may stand there. */
function plain(text: string): string {
  refuse(text, /[^ -~]/, "only printable ASCII can stand in a text");
  return text;
}

const LONE_SURROGATE = /\p{Cs}/u;

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

function refuse(text: string, forbidden: RegExp, reason: string): void {
  if (!forbidden.test(text)) return;
  throw new FleetsecError("config", `cannot be written into a template: ${text} (${reason})`, {
    hint: "change the value in fleetsec.yaml",
  });
}
