import { isList, type Quote, type Value } from "./quote.ts";

/** What placeholders can name. A value that may be absent is `null`, never missing. */
export type Values = Readonly<Record<string, Value>>;

/**
 * Fills in a template. It knows no logic beyond
 *
 *   {{name}}  {{"https://" name ":" port}}   values and literals, joined, quoted as one token
 *   {{#name}}…{{/name}}                      once for each item of a list, or once for a value that is there
 *   {{^name}}…{{/name}}                      where it is null, false, "" or []
 *
 * Within a section, the fields of the item come first and `.` is the item itself. A line with
 * nothing but a section's tag leaves no line. `${{ … }}` belongs to GitHub and is left alone.
 *
 * Whatever is wrong with a template, an unknown name above all, is a bug in it: a plain Error.
 */
export function render(template: string, values: Values, quote: Quote): string {
  const { nodes, rest } = parse(tokens(template), undefined);
  if (rest.length > 0) throw new Error("a section is closed that was not opened");
  return write(nodes, [values], quote);
}

type Part = { readonly literal: string } | { readonly name: string };

type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly parts: readonly Part[] }
  | { readonly kind: "open"; readonly name: string; readonly inverted: boolean }
  | { readonly kind: "close"; readonly name: string };

type Node =
  | Exclude<Token, { kind: "open" | "close" }>
  | {
      readonly kind: "section";
      readonly name: string;
      readonly inverted: boolean;
      readonly nodes: readonly Node[];
    };

const TAG = /(?<!\$)\{\{(.*?)\}\}/g;
const SECTION_LINE = /^[ \t]*(\{\{[#^/][a-z_]+\}\})[ \t]*\n/gm;
const SECTION = /^([#^/])([a-z_]+)$/;
const PART = /\s*(?:"([^"]*)"|([a-z_]+|\.))\s*/y;

function tokens(template: string): Token[] {
  const text = template.replace(SECTION_LINE, "$1");
  const found: Token[] = [];
  let end = 0;
  for (const match of text.matchAll(TAG)) {
    found.push({ kind: "text", text: text.slice(end, match.index) }, tag(match[1] ?? ""));
    end = match.index + match[0].length;
  }
  return [...found, { kind: "text", text: text.slice(end) }];
}

function tag(content: string): Token {
  const [, mark, name] = SECTION.exec(content) ?? [];
  if (name !== undefined) {
    return mark === "/" ? { kind: "close", name } : { kind: "open", name, inverted: mark === "^" };
  }
  const parts: Part[] = [];
  PART.lastIndex = 0;
  while (PART.lastIndex < content.length) {
    const at = PART.lastIndex;
    const [, literal, part] = PART.exec(content) ?? [];
    if (literal !== undefined) parts.push({ literal });
    else if (part !== undefined) parts.push({ name: part });
    else throw new Error(`cannot read the placeholder {{${content}}} at ${at}`);
  }
  if (parts.length === 0) throw new Error("an empty placeholder");
  return { kind: "value", parts };
}

function parse(
  found: readonly Token[],
  within: string | undefined,
): { nodes: Node[]; rest: readonly Token[] } {
  const nodes: Node[] = [];
  let rest = found;
  for (;;) {
    const [token, ...after] = rest;
    if (token === undefined) {
      if (within !== undefined) throw new Error(`the section ${within} is not closed`);
      return { nodes, rest: [] };
    }
    if (token.kind === "close") {
      if (token.name !== within) throw new Error(`{{/${token.name}}} closes the section ${within}`);
      return { nodes, rest: after };
    }
    if (token.kind === "open") {
      const inner = parse(after, token.name);
      nodes.push({ kind: "section", name: token.name, inverted: token.inverted, nodes: inner.nodes });
      rest = inner.rest;
    } else {
      nodes.push(token);
      rest = after;
    }
  }
}

/** Innermost first. */
type Scopes = readonly Values[];

function write(nodes: readonly Node[], scopes: Scopes, quote: Quote): string {
  return nodes
    .map((node) => {
      if (node.kind === "text") return node.text;
      if (node.kind === "value") return quote(join(node.parts, scopes));
      const items = itemsOf(lookUp(node.name, scopes));
      if (node.inverted) return items.length === 0 ? write(node.nodes, scopes, quote) : "";
      return items.map((item) => write(node.nodes, [scopeOf(item), ...scopes], quote)).join("");
    })
    .join("");
}

function join(parts: readonly Part[], scopes: Scopes): Value {
  const values = parts.map((part) => ("literal" in part ? part.literal : lookUp(part.name, scopes)));
  const [only] = values;
  if (values.length === 1 && only !== undefined) return only;
  return values
    .map((value) => {
      if (typeof value === "string" || typeof value === "number") return String(value);
      throw new Error("only strings and numbers can be joined in a placeholder");
    })
    .join("");
}

function lookUp(name: string, scopes: Scopes): Value {
  for (const scope of scopes) {
    const value = Object.hasOwn(scope, name) ? scope[name] : undefined;
    if (value !== undefined) return value;
  }
  throw new Error(`no value is called ${name}`);
}

function itemsOf(value: Value): readonly Value[] {
  if (isList(value)) return value;
  return value === null || value === false || value === "" ? [] : [value];
}

function scopeOf(item: Value): Values {
  const fields = item !== null && typeof item === "object" && !isList(item) ? item : {};
  return { ...fields, ".": item };
}
