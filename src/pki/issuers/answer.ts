import { FleetsecError } from "../../errors.ts";
import type { HttpAnswer } from "../../platform/http.ts";
import type { ServiceKind } from "./issuer.ts";
import { redact } from "./redact.ts";

/** A chain, a long CA chain and some words: far more than any service answers with. */
export const MAX_ANSWER = 1 << 20;
/** Of a service's own words in a message of ours. */
const MAX_WORDS = 300;

/** A member of a JSON object, whatever it is; undefined where there is none. */
export function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** A list of strings; anything else in its place is an empty one. */
export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/**
 * The JSON of an answer; undefined where it is none, as a proxy's error page is. What a service says
 * ends in errors and logs: should it repeat what we showed it to be let in, that is taken out here.
 * @param secrets that were sent to it
 */
export function jsonOf({ body }: HttpAnswer, secrets: Iterable<string> = []): unknown {
  try {
    return JSON.parse(body.toString("utf8"), (_, value: unknown) =>
      typeof value === "string" && !value.startsWith("-----BEGIN ") ? redact(value, secrets) : value,
    );
  } catch {
    return undefined;
  }
}

/** What a service said, cut to length; it comes from outside and is escaped where it is displayed. */
export function said(words: readonly string[]): string {
  const text = words
    .map((word) => word.replace(/\s+/g, " ").trim())
    .filter((word) => word !== "")
    .join("; ");
  return text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS)}…` : text;
}

/** The service answers and cannot do its work. */
export function failing(kind: ServiceKind, message: string, hint: string): FleetsecError {
  return new FleetsecError("issuer", `${kind} ${message}`, { hint });
}

/** The service's own rules say no. */
export function refusedBy(kind: ServiceKind, words: readonly string[], hint: string): FleetsecError {
  return new FleetsecError("refused", `${kind} refuses: ${said(words) || "it does not say why"}`, { hint });
}
