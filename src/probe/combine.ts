import type { Attempt } from "./attack.ts";
import type { AttackResult } from "./result.ts";
import type { TriedAttack } from "./tried.ts";

export type Judged = Pick<AttackResult, "outcome" | "layer" | "evidence">;

/** One outcome for all of an attack's clients: one that is accepted decides, then one that is unclear. */
export function combine({
  plan,
  judged,
  cutShort,
}: Pick<TriedAttack, "plan" | "judged" | "cutShort">): Judged {
  if (!("attempts" in plan)) return { outcome: plan.outcome, layer: "tls", evidence: plan.reason };
  for (const outcome of ["accepted", "inconclusive"] as const) {
    const found = judged.find(({ judgement }) => judgement.outcome === outcome);
    if (found !== undefined) {
      const { judgement, attempt } = found;
      return {
        ...judgement,
        evidence: `${judgement.evidence}${named([attempt.kind, attempt.family ?? ""])}`,
      };
    }
  }
  if (plan.attempts.length === 0) {
    return {
      outcome: "inconclusive",
      layer: "tls",
      evidence: "the server lists no kind of key that can be forged",
    };
  }
  if (judged.length < plan.attempts.length) {
    return cutShort === undefined
      ? { outcome: "not-run", layer: "tls", evidence: "interrupted" }
      : { outcome: "inconclusive", layer: "tls", evidence: cutShort };
  }
  const [first] = judged;
  const refused = judged.find(({ judgement }) => judgement.outcome === "refused") ?? first;
  if (refused === undefined) throw new RangeError("no attempt");
  return { ...refused.judgement, evidence: gathered(judged) };
}

/** `alert unknown_ca (p256, rsa); alert bad_certificate (ed25519)` */
function gathered(judged: TriedAttack["judged"]): string {
  const all = judged.map(({ attempt }) => attempt);
  const groups = new Map<string, Attempt[]>();
  for (const { attempt, judgement } of judged) {
    groups.set(judgement.evidence, [...(groups.get(judgement.evidence) ?? []), attempt]);
  }
  return [...groups].map(([evidence, some]) => `${evidence}${clients(some, all)}`).join("; ");
}

/** Which of an attack's clients: their key families, and their kind where not all kinds are meant. */
function clients(some: readonly Attempt[], all: readonly Attempt[]): string {
  const kinds = distinct(some.map(({ kind }) => kind));
  const parts = some.length === all.length ? [[]] : [kinds];
  parts.push(distinct(some.flatMap(({ family }) => family ?? [])));
  return named(parts.flat());
}

function named(parts: readonly string[]): string {
  const told = parts.filter((part) => part !== "");
  return told.length === 0 ? "" : ` (${told.join(", ")})`;
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
