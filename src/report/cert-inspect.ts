import type { CertificateDescription } from "../pki/verify/describe.ts";
import type { GatewayView } from "../pki/verify/gateway-view.ts";
import { escapeText } from "./escape.ts";
import { fields } from "./fields.ts";
import { gatewayMembers, gatewayText } from "./gateway-view.ts";
import { roughDuration } from "./relative-time.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { wrap } from "./wrap.ts";

/** Where the certificates were found. */
export type CertificateSource =
  | { readonly type: "file"; readonly file: string }
  /** `tls` is null where the server broke off after it had shown its certificates. */
  | {
      readonly type: "endpoint";
      readonly endpoint: string;
      readonly address: string;
      readonly tls: string | null;
    };

export interface CertInspectResult {
  readonly source: CertificateSource;
  /** At least one; the first is the one in question. */
  readonly certificates: readonly CertificateDescription[];
  /** Of the first; undefined where nothing is trusted. */
  readonly gateway: GatewayView | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export function certInspectDocument({ source, certificates, gateway }: CertInspectResult): object {
  return {
    schema: "fleetsec.cert-inspect/v1",
    source,
    certificates,
    ...(gateway === undefined ? {} : { gateway: gatewayMembers(gateway) }),
  };
}

export function certInspectText(
  { source, certificates, gateway, at }: CertInspectResult,
  columns: number,
  style: Style,
): string {
  const [first, ...others] = certificates;
  if (first === undefined) return "";
  const rows = rowsOf(first, at);
  const label = Math.max(...rows.map(([name]) => name.length)) + 2;
  const lines = rows.flatMap(([name, values]) =>
    values
      .flatMap((value) => (value === "" ? [] : wrap(escapeText(value), columns - label - 2)))
      .map((line, i) => [i === 0 ? `  ${name}` : "", line] as const),
  );
  return [
    heading(source),
    fields(lines),
    ...chainText(others, at, columns),
    ...defectsText(first, columns, style),
    ...(gateway === undefined ? [] : gatewayText(gateway, columns, style)),
  ].join("\n");
}

function heading(source: CertificateSource): string {
  if (source.type === "file") return escapeText(source.file);
  const how = source.tls ?? "the handshake broke off for want of a client certificate";
  return escapeText(`${source.endpoint} (${source.address}), ${how}`);
}

type Row = readonly [label: string, values: readonly string[]];

function rowsOf(one: CertificateDescription, at: number): Row[] {
  const usages = [...one.keyUsage, ...one.extendedKeyUsage].join(", ");
  const authority = one.ca
    ? ["yes", one.pathLength === undefined ? "" : `path length ${one.pathLength}`]
    : [];
  const rows: Row[] = [
    ["subject", [one.subject]],
    ["names", one.names.filter((name) => name !== `uri:${one.spiffeId}`)],
    ["SPIFFE ID", one.spiffeId === undefined ? [] : [one.spiffeId]],
    ["roles", [one.roles.join(", ")]],
    ["CA", [authority.filter((part) => part !== "").join(", ")]],
    ["permits", one.permittedNames],
    ["excludes", one.excludedNames],
    ["issuer", [one.issuer]],
    ["serial", [one.serial]],
    ["valid from", [one.notBefore]],
    ["valid until", [`${one.notAfter} (${expiry(one, at)})`]],
    ["key", [one.key]],
    ["usages", [usages]],
    ["signature", [one.signature]],
    ["SHA-256", [one.fingerprint]],
    ["CRL", one.crl],
    ["OCSP", one.ocsp],
  ];
  return rows.filter(([, values]) => values.some((value) => value !== ""));
}

function expiry({ status, notBefore, notAfter }: CertificateDescription, at: number): string {
  if (status === "not-yet-valid")
    return `NOT YET VALID, begins in ${roughDuration(Date.parse(notBefore) - at)}`;
  const left = Date.parse(notAfter) - at;
  return status === "expired"
    ? `EXPIRED ${roughDuration(-left)} ago`
    : `expires in ${roughDuration(Math.max(left, 0))}`;
}

function chainText(others: readonly CertificateDescription[], at: number, columns: number): string[] {
  if (others.length === 0) return [];
  const rows = others.map((one, i) => [
    `  ${i + 1}`,
    escapeText(one.subject),
    one.ca ? "CA" : "",
    expiry(one, at),
    `SHA-256 ${one.fingerprint.slice(0, 16)}…`,
  ]);
  return ["chain", table(rows, columns)];
}

function defectsText({ defects }: CertificateDescription, columns: number, style: Style): string[] {
  if (defects.length === 0) return [];
  const lines = defects.flatMap(({ code, message }) =>
    wrap(`${escapeText(message)} (${code})`, columns - 4).map(
      (line, i) => `${i === 0 ? "  " : "    "}${line}`,
    ),
  );
  return [style.bad("breaks the rules"), ...lines];
}
