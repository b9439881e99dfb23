import type { Markup } from "./markup.ts";

/** How one check ended. */
export type Outcome =
  /** What was checked holds. */
  | "passed"
  /** A finding. */
  | "failed"
  /** A finding that a baseline accepts for now. */
  | "tolerated"
  /** Shown, and no failure by itself. */
  | "noted"
  /** It could not be established. */
  | "inconclusive"
  /** It has no meaning there. */
  | "not-applicable"
  /** It was left out, or something that it needs was not given. */
  | "not-run";

/** What is checked, and what there is to say about it wherever it fails. */
export interface Rule {
  readonly id: string;
  /** In a few words. */
  readonly title: string;
  /** What a failure means, in a sentence. */
  readonly meaning: string;
  /** The RFC section, CVE or document that says so; empty where there is none. */
  readonly reference: string;
  /** What to change, one line for each kind of server; empty where there is nothing general to say. */
  readonly fix: string;
}

/** Where a finding can be looked at. */
export interface Place {
  /** A file relative to the current directory, or a URL. */
  readonly path: string;
  /** 1-based. */
  readonly line?: number | undefined;
  /** In bytes, from the beginning of the file. */
  readonly offset?: number | undefined;
}

/** One rule checked on one subject. Texts may come from outside: every format escapes them. */
export interface Check {
  readonly rule: string;
  readonly outcome: Outcome;
  /** What was checked: an endpoint, a log, a file. */
  readonly subject: string;
  /** What sets it apart from the rule's other checks of that subject, e.g. `TLS 1.3`; may be empty. */
  readonly variant: string;
  /** What was seen, or why it was not checked. */
  readonly evidence: string;
  readonly place?: Place | undefined;
  /** What stays the same from run to run while it is the same finding; it makes the fingerprint. */
  readonly key: readonly string[];
}

/** What a command established, as every format is made from it. */
export interface Report {
  /** `probe`, `verify-logs`… */
  readonly command: string;
  /** Of fleetsec. */
  readonly version: string;
  /** When it was made, in milliseconds since the epoch. */
  readonly time: number;
  /** The verdict in a line. */
  readonly headline: string;
  /** As `--json` prints it. */
  readonly document: object;
  readonly rules: readonly Rule[];
  readonly checks: readonly Check[];
  /** What the HTML page shows below the headline; the checks as they are, where it is absent. */
  readonly body?: () => Markup;
}

/** A failure outweighs a doubt; without either, everything that was checked holds. */
export function outcomeOf({ checks }: Pick<Report, "checks">): "passed" | "failed" | "inconclusive" {
  if (checks.some(({ outcome }) => outcome === "failed")) return "failed";
  return checks.some(({ outcome }) => outcome === "inconclusive") ? "inconclusive" : "passed";
}

/** The rule of a check. */
export function ruleOf({ rules }: Report, { rule }: Check): Rule {
  const found = rules.find(({ id }) => id === rule);
  if (found === undefined) throw new RangeError(`no rule ${rule}`);
  return found;
}

/** A check's name among those of its subject. */
export function nameOf({ rule, variant }: Check): string {
  return variant === "" ? rule : `${rule} on ${variant}`;
}

/** Where a reference can be read, or undefined: RFC 8446 section 4.4.2, CVE-2025-23419. */
export function referenceUrl(reference: string): string | undefined {
  const [, cve] = /\b(CVE-\d{4}-\d{4,7})\b/.exec(reference) ?? [];
  const [, rfc, section] = /\bRFC (\d{1,5})(?: section (\d{1,3}(?:\.\d{1,3}){0,4}))?/.exec(reference) ?? [];
  if (rfc !== undefined) {
    return `https://www.rfc-editor.org/rfc/rfc${rfc}${section === undefined ? "" : `#section-${section}`}`;
  }
  return cve === undefined ? undefined : `https://www.cve.org/CVERecord?id=${cve}`;
}
