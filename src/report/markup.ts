import { escapeText } from "./escape.ts";

/** A piece of HTML or XML: what came from outside is escaped in it. Made by `markup` alone. */
export interface Markup {
  readonly markup: string;
}

type Part = string | number | Markup | readonly Part[] | undefined;

/**
 * Markup from a template: its own text stands as it is, every value in it is escaped (for text and
 * for attributes in double quotes), unless it is markup itself. Lists are joined, undefined is nothing.
 */
export function markup(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: texts.reduce((before, text, i) => before + toMarkup(parts[i - 1]) + text) };
}

function toMarkup(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "string") return escapeMarkup(part);
  if (typeof part === "number") return String(part);
  return "markup" in part ? part.markup : part.map(toMarkup).join("");
}

/**
 * Text for HTML and XML 1.0, in elements and in quoted attributes. Characters that XML forbids, and
 * those that would deceive a reader, become `\u{…}`; a newline becomes a reference, so that no line
 * begins with text from outside.
 */
export function escapeMarkup(text: string): string {
  return escapeText(text, { newlines: true }).replace(
    /[&<>"'\n]/g,
    (character) => REFERENCES[character] ?? "",
  );
}

const REFERENCES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "\n": "&#10;",
};
