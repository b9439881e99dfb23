import { dueAt } from "../pki/renew.ts";
import { isSettled, type Rotation } from "../pki/rotate/rotation.ts";
import { sharedKeyWarning } from "../pki/shared-key.ts";
import { isoTime } from "../pki/verify/time.ts";
import { escapeText } from "./escape.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { wrap } from "./wrap.ts";

/** What became of each certificate, as a JSON document. */
export function rotateDocument(results: readonly Rotation[]): object {
  const ok = results.every(isSettled);
  return { schema: "fleetsec.cert-rotate/v1", ok, certificates: results.map(entryOf) };
}

function entryOf(result: Rotation): object {
  const { name, outcome } = result;
  if (result.outcome === "failed") {
    const { code, reason } = result;
    return { name, outcome, code, reason };
  }
  const { sharesKeyWith, certificate } = result;
  const { serial, notAfter } = certificate;
  return {
    name,
    outcome,
    serial,
    notAfter: isoTime(notAfter),
    due: isoTime(dueAt(certificate)),
    ...("rejected" in result ? { rejected: result.rejected } : {}),
    ...("reason" in result ? { reason: result.reason } : {}),
    ...(sharesKeyWith === undefined ? {} : { sharesKeyWith }),
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
  const remarks = results.flatMap((result) =>
    remarksOn(result).flatMap((remark) =>
      wrap(escapeText(`${result.name}: ${remark}`), columns - 2).map((line, i) =>
        i === 0 ? line : `  ${line}`,
      ),
    ),
  );
  return [table([["NAME", "RESULT", "DUE", "SERIAL IN USE"], ...rows], columns), ...remarks].join("\n");
}

function remarksOn(result: Rotation): string[] {
  const shared = result.outcome === "failed" ? undefined : result.sharesKeyWith;
  return [
    ...("reason" in result ? [result.reason] : []),
    ...(shared === undefined ? [] : [`warning: it ${sharedKeyWarning(shared)}`]),
  ];
}

const WORDS: Readonly<Record<Rotation["outcome"], (style: Style) => string>> = {
  "not-due": () => "not due",
  renewed: (style) => style.good("renewed"),
  told: (style) => style.good("told"),
  "rolled-back": (style) => style.bad("ROLLED BACK"),
  incomplete: (style) => style.bad("INCOMPLETE"),
  failed: (style) => style.bad("FAILED"),
};
