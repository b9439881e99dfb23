import type { NextStep } from "../pki/ca-rotation/next-step.ts";
import type { Phase } from "../pki/ca-rotation/status.ts";
import type { GenerationSummary } from "../pki/ca-rotation/summary.ts";
import { isoTime } from "../pki/verify/time.ts";
import { escapeText } from "./escape.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { wrap } from "./wrap.ts";

export interface CaRotation {
  readonly phase: Phase;
  /** Milliseconds since the epoch. */
  readonly published: number | undefined;
  readonly generations: readonly GenerationSummary[];
  readonly next: NextStep | undefined;
}

export function caRotateDocument({ phase, published, generations, next }: CaRotation): object {
  return {
    schema: "fleetsec.ca-rotate/v1",
    phase,
    ...(published === undefined ? {} : { published: isoTime(published) }),
    generations,
    ...(next === undefined ? {} : { next: nextMembers(next) }),
  };
}

function nextMembers({ command, because, refusal }: NextStep): object {
  const why = because === undefined ? {} : { because };
  if (refusal === undefined) return { command, ...why, safe: true };
  const { message, hint, certificates } = refusal;
  const named = certificates.map(({ name, serial, role, notAfter }) => ({ name, serial, role, notAfter }));
  return { command, ...why, safe: false, reason: message, hint, certificates: named };
}

/** Certificates that stand in the way are named up to this many. */
const MAX_NAMED = 10;

/** @param done what was done just now */
export function caRotateText(
  { phase, published, generations, next }: CaRotation,
  done: string | undefined,
  columns: number,
  style: Style,
): string {
  const rows = generations.map(({ number, root, issuing, issues, live }) => [
    String(number),
    shortName(root.subject),
    shortName(issuing.subject),
    issuing.notAfter.slice(0, 10),
    issues ? "issues" : "trusted",
    String(live),
  ]);
  const when = published === undefined ? "" : `, published with both roots at ${isoTime(published)}`;
  return [
    ...(done === undefined ? [] : wrap(done, columns)),
    ...wrap(`${PHASES[phase]}${when}`, columns),
    table([["CA", "ROOT", "ISSUING CA", "ENDS", "STATUS", "LIVE"], ...rows], columns),
    ...(next === undefined ? [] : nextText(next, columns, style)),
  ].join("\n");
}

const PHASES: Readonly<Record<Phase, string>> = {
  idle: "no rotation is under way",
  "both-trusted": "phase 1 of 3: both roots are trusted, the old CA issues",
  "new-issues": "phase 2 of 3: both roots are trusted, the new CA issues",
  intermediate: "a new issuing CA issues, and the one before is still trusted",
};

/** Of `CN=Root CA 1234abcd, O=acme` the common name, which holds what tells them apart. */
function shortName(subject: string): string {
  return escapeText(/CN=([^,]*)/.exec(subject)?.[1] ?? subject);
}

function nextText({ command, because, refusal }: NextStep, columns: number, style: Style): string[] {
  const line = `fleetsec ca rotate ${command}`;
  const why = because === undefined ? [] : wrap(because, columns);
  if (refusal === undefined) return [...why, `next: ${line} (${style.good("safe now")})`];
  const { message, hint, certificates } = refusal;
  const named = certificates
    .slice(0, MAX_NAMED)
    .map(({ name, serial, notAfter }) => [`  ${name}`, `until ${notAfter}`, serial]);
  const more = certificates.length - named.length;
  return [
    ...why,
    `next: ${line} (${style.unsure("not yet")})`,
    ...wrap(message, columns - 2).map((text) => `  ${text}`),
    ...(named.length === 0 ? [] : [table(named, columns)]),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...wrap(hint, columns - 2).map((text) => `  ${text}`),
  ];
}
