import { dueAt } from "../pki/renew.ts";
import type { Rotation } from "../pki/rotate/rotation.ts";
import { isoTime } from "../pki/verify/time.ts";
import { escapeText } from "./escape.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { wrap } from "./wrap.ts";

/** What became of each certificate, as a JSON document. */
export function rotateDocument(results: readonly Rotation[]): object {
  const ok = results.every(({ outcome }) => outcome === "renewed" || outcome === "not-due");
  return { schema: "fleetsec.cert-rotate/v1", ok, certificates: results.map(entryOf) };
}

function entryOf(result: Rotation): object {
  const { name, outcome } = result;
  if (result.outcome === "failed") {
    const { code, reason } = result;
    return { name, outcome, code, reason };
  }
  const { serial, notAfter } = result.certificate;
  return {
    name,
    outcome,
    serial,
    notAfter: isoTime(notAfter),
    due: isoTime(dueAt(result.certificate)),
    ...("rejected" in result ? { rejected: result.rejected } : {}),
    ...("reason" in result ? { reason: result.reason } : {}),
  };
}

/** The same for a person. */
export function rotateText(results: readonly Rotation[], columns: number, style: Style): string {
  if (results.length === 0) return "no certificates to rotate";
  const rows = results.map((result) => [
    escapeText(result.name),
    WORDS[result.outcome](style),
    result.outcome === "failed" ? "" : isoTime(dueAt(result.certificate)),
    result.outcome === "failed" ? "" : result.certificate.serial,
  ]);
  const reasons = results.flatMap((result) =>
    "reason" in result
      ? wrap(escapeText(`${result.name}: ${result.reason}`), columns - 2).map((line, i) =>
          i === 0 ? line : `  ${line}`,
        )
      : [],
  );
  return [table([["NAME", "RESULT", "DUE", "SERIAL IN USE"], ...rows], columns), ...reasons].join("\n");
}

const WORDS: Readonly<Record<Rotation["outcome"], (style: Style) => string>> = {
  "not-due": () => "not due",
  renewed: (style) => style.good("renewed"),
  "rolled-back": (style) => style.bad("ROLLED BACK"),
  incomplete: (style) => style.bad("INCOMPLETE"),
  failed: (style) => style.bad("FAILED"),
};
