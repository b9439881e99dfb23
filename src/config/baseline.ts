import { stringify } from "yaml";
import { z } from "zod";
import { type BrokenRule } from "./rules.ts";
import { parseForm } from "./load.ts";

/** Findings of `probe` that are accepted for a time, as a file: docs/probe.md explains it. */

const date = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, "not a date: write it as 2027-01-31")
  .refine((text) => isDate(text), "there is no such day");

/** 2027-02-30 is read as 2027-03-02. */
function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

const entry = z.strictObject({
  attack: z.string().regex(/^[a-z0-9-]{1,64}$/, "not the name of an attack"),
  target: z.string().min(1).max(4096),
  tls: z
    .union([z.enum(["1.2", "1.3"]), z.literal([1.2, 1.3])], "use 1.2 or 1.3, or leave it out for both")
    .transform((version) => (String(version) === "1.2" ? ("1.2" as const) : ("1.3" as const)))
    .optional(),
  expires: date,
  // a space of no width is not a space to regular expressions, and says as little
  reason: z
    .string()
    .max(1000)
    .regex(/[\p{L}\p{N}]/u, "say why it is accepted"),
});

const baselineSchema = z.strictObject({ version: z.literal(1), accept: z.array(entry).max(10_000) });

type Entry = z.output<typeof entry>;

export const MAX_BASELINE_BYTES = 4 << 20;

/** Days for which an entry may accept: whoever looks at it once a year still knows why. */
const MAX_DAYS = 366;

/**
 * @param now in milliseconds since the epoch
 * @param rules what is wrong with an entry beside its form
 * @throws FleetsecError `config` with every problem and its line
 */
export function parseBaseline(
  text: string,
  path: string,
  now: number,
  rules: (entry: Entry) => readonly BrokenRule[],
): Entry[] {
  const last = new Date(now + MAX_DAYS * 86_400_000).toISOString().slice(0, 10);
  const within = ({ expires }: Entry): BrokenRule[] =>
    expires <= last ? [] : [{ at: ["expires"], message: `more than a year: the last day is ${last}` }];
  return parseForm(text, path, {
    schema: baselineSchema,
    rules: ({ accept }) => [
      ...twice(accept),
      ...accept.flatMap((one, i) =>
        [...within(one), ...rules(one)].map(({ at, message }) => ({ at: ["accept", i, ...at], message })),
      ),
    ],
    hint: "each entry has attack, target, expires and reason; docs/probe.md explains them",
  }).accept;
}

function twice(entries: readonly Entry[]): BrokenRule[] {
  const seen = new Set<string>();
  return entries.flatMap(({ attack, target, tls }, i) => {
    const same = JSON.stringify([attack, target, tls]);
    if (seen.has(same)) return [{ at: ["accept", i], message: "stands there twice" }];
    seen.add(same);
    return [];
  });
}

/** The text of a baseline. An entry's empty reason is left for a person to fill in. */
export function formatBaseline(entries: readonly Entry[]): string {
  return `# Findings of fleetsec probe that are accepted up to and with a day. Say why; an empty reason is refused.
${stringify({ version: 1, accept: entries }, { lineWidth: 0 })}`;
}
