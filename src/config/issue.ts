import type { z } from "zod";

/** What is wrong with a value, in the words of our own errors; messages of our schemas stay as they are. */
export function issueMessage(issue: z.core.$ZodIssue): string {
  // zod's own begin with a capital letter, ours do not
  if (!/^(Invalid|Too)\b/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      if (issue.message.endsWith("received undefined")) return "is missing";
      return `must be ${TYPES[issue.expected] ?? `a ${issue.expected}`}`;
    case "invalid_value":
      return `must be ${issue.values.length > 1 ? "one of " : ""}${issue.values.map(String).join(", ")}`;
    case "too_small":
      return `must ${limit(issue.origin, "at least", Number(issue.minimum))}`;
    case "too_big":
      return `must ${limit(issue.origin, "at most", Number(issue.maximum))}`;
    case "invalid_key":
      return `not a name that can stand here: ${issue.issues.map(issueMessage).join("; ")}`;
    case "invalid_format":
      return `not a ${issue.format === "url" ? "URL" : issue.format}`;
    case "invalid_union":
      return `must be ${[...new Set(issue.errors.flat().map(issueMessage))].join(", or ").replaceAll("must be ", "")}`;
    default:
      return `${issue.message.slice(0, 1).toLowerCase()}${issue.message.slice(1)}`;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
  tuple: "a list",
};

function limit(origin: string, bound: string, count: number): string {
  if (origin === "string") return `have ${bound} ${count} ${count === 1 ? "character" : "characters"}`;
  if (origin === "array") return `have ${bound} ${count} ${count === 1 ? "item" : "items"}`;
  return `be ${bound} ${count}`;
}
