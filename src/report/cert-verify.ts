import type { ReasonCode } from "../pki/verify/reason.ts";
import type { Purpose } from "../pki/verify/request.ts";
import type { FileVerdict } from "../pki/verify/verify-files.ts";
import { escapeText } from "./escape.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { wrap } from "./wrap.ts";

export interface CertVerifyResult {
  /** ISO 8601. */
  readonly at: string;
  readonly purpose: Purpose | undefined;
  readonly name: string | undefined;
  readonly verdicts: readonly FileVerdict[];
}

export function certVerifyDocument({ at, purpose, name, verdicts }: CertVerifyResult): object {
  return {
    schema: "fleetsec.cert-verify/v1",
    ok: verdicts.every(({ status }) => status === "valid"),
    at,
    ...(purpose === undefined ? {} : { purpose }),
    ...(name === undefined ? {} : { name }),
    certificates: verdicts,
  };
}

export function certVerifyText({ verdicts }: CertVerifyResult, columns: number, style: Style): string {
  const codes = new Set(verdicts.flatMap(({ reasons }) => reasons.map(({ code }) => code)));
  const hints = new Set([...codes].flatMap((code) => HINTS[code] ?? []));
  return [
    ...verdicts.map((verdict) => verdictText(verdict, columns, style)),
    ...[...hints].map((hint) => `hint: ${hint}`),
  ].join("\n");
}

function verdictText({ file, status, path, reasons }: FileVerdict, columns: number, style: Style): string {
  const words = {
    valid: () => style.good("valid"),
    invalid: () => style.bad("not valid"),
    unknown: () => style.unsure("could not be established"),
  };
  const rows = path.map(({ subject, notAfter, revocation }, place) => [
    `  ${place}`,
    escapeText(subject),
    `until ${notAfter}`,
    revocation === undefined ? "" : REVOCATION[revocation],
  ]);
  const findings = reasons.flatMap(({ code, message, certificate }) =>
    wrap(`${certificate} ${escapeText(message)} (${code})`, columns - 4).map(
      (line, i) => `${i === 0 ? "  " : "    "}${line}`,
    ),
  );
  return [`${escapeText(file)}: ${words[status]()}`, table(rows, columns), ...findings].join("\n");
}

const REVOCATION = { good: "not revoked", unchecked: "no CRL used", "not-applicable": "trusted" } as const;

const HINTS: Partial<Record<ReasonCode, string>> = {
  "no-trust-anchor": "name a root with --ca; only self-signed certificates in that file are trusted",
  "no-path": "name missing intermediates with --untrusted, or another root with --ca",
  "no-crl": "name a CRL by the certificate's issuer with --crl",
  "no-inventory":
    "fleetsec ca show says what is wrong with it; name the trust with --ca to judge by files alone",
  "stale-crl": "get a new CRL; fleetsec ca crl makes one",
  "not-logged": "the CA did not record it, or not yet: sign its inventory; else treat the CA's key as stolen",
  "log-altered": "run fleetsec verify-logs on the log of issuance",
  "log-not-verified": "run fleetsec verify-logs on the log of issuance",
  "log-not-anchored":
    "compare the log with a checkpoint kept elsewhere that has the issue: --anchor, after fleetsec logs anchor where it is newer; once it was verified, --state holds it to that; or --allow-unanchored",
  "unusable-crl": "get a complete CRL from the certificate's issuer",
};
