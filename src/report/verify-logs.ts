import type { Finding } from "../logs/verify/finding.ts";
import type { AnchorUsed, Verdict, Verification } from "../logs/verify/verification.ts";
import { escapeText } from "./escape.ts";
import { count, minute, number } from "./quantity.ts";
import type { Style } from "./style.ts";
import { meaning } from "./verify-logs-meaning.ts";
import { wrap } from "./wrap.ts";

/** The result of `verify-logs` as JSON, in the form of docs/schema/verify-logs.v1.json. */
export function verifyLogsDocument(result: Verification): object {
  const { ok, verdict, log, checked, read, anchors, findings, counts, omitted, unestablished, kept } = result;
  return {
    schema: "fleetsec.verify-logs/v1",
    ok,
    verdict,
    partial: checked.skipped > 0,
    anchored: anchors.length > 0,
    log: log === undefined ? null : { ...log, root: base64(log.root) },
    checked,
    ...(read === undefined
      ? {}
      : { read: { from: new Date(read.from).toISOString(), to: new Date(read.to).toISOString() } }),
    anchors: anchors.map(({ since, ...anchor }) => ({
      ...anchor,
      ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
    })),
    findings: findings.map(({ code, seq, line, offset, path, detail, ...rest }) => ({
      code,
      seq,
      line,
      offset,
      path,
      detail,
      ...rest,
    })),
    counts,
    omitted,
    unestablished,
    kept,
  };
}

/** More findings than anybody reads in a terminal. */
const MAX_SHOWN = 50;

/** The same for an auditor at a terminal: the verdict first, then what it rests on. */
export function verifyLogsText(
  result: Verification,
  options: { readonly style: Style; readonly columns: number },
): string {
  const { style } = options;
  const columns = Math.max(40, Math.min(options.columns, 100));
  const sections = [
    headline(result, style),
    facts(result, columns),
    findingLines(result, style, columns),
    ...meaning(result).map((text) => wrapped(text, columns)),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function headline(result: Verification, style: Style): string {
  const { verdict, counts, log, anchors, ok } = result;
  const part = partText(result);
  const whole = (text: string) => (part === undefined ? style.good(text) : style.unsure(text));
  const found = Object.values(counts).reduce((sum, one) => sum + one, 0);
  const origin = log === undefined ? "" : `: ${escapeText(log.origin)}`;
  const texts: Record<Verdict, string> = {
    intact: whole(style.strong(`INTACT and anchored${part ?? ""}`)),
    unanchored: style.unsure(style.strong(`INTACT BUT UNANCHORED${ok ? " (allowed)" : ""}${part ?? ""}`)),
    altered: style.bad(style.strong(`ALTERED: ${found} ${found === 1 ? "finding" : "findings"}`)),
    "not-established": style.unsure(style.strong("NOT ESTABLISHED: not all could be checked")),
  };
  return verdict === "altered" && anchors.length === 0
    ? texts[verdict]
    : `${texts[verdict]}${verdict === "altered" ? "" : origin}`;
}

/** What follows the verdict where only a part was asked for: nothing is said about the other records. */
export function partText({ checked }: Pick<Verification, "checked">): string | undefined {
  const { batches, skipped } = checked;
  if (skipped === 0) return undefined;
  return ` in ${number(batches)} of ${count(batches + skipped, "batch", "batches")}; ${number(skipped)} not read`;
}

/** Label and text, one a line. */
function facts(result: Verification, columns: number): string {
  const { leaves, log, checked, read, anchors, unestablished, kept } = result;
  const { skipped } = checked;
  const rows: [string, string][] = [];
  if (log !== undefined) {
    rows.push(["log", escapeText(log.origin)]);
    const size =
      leaves === "batches" ? count(log.size, "batch", "batches") : count(log.size, "leaf", "leaves");
    rows.push(["size", `${size}, root ${base64(log.root)}`]);
  }
  rows.push(["checked", checkedText(result)]);
  if (skipped > 0) {
    rows.push([
      "not read",
      `the records of ${count(skipped, "batch", "batches")} that were not asked for; their leaves are checked`,
    ]);
  }
  if (read !== undefined) rows.push(["read", readText(read)]);
  for (const anchor of anchors) rows.push(["anchor", anchorText(anchor)]);
  for (const text of unestablished) rows.push(["unchecked", escapeText(text)]);
  if (kept.now === "saved" && kept.path !== undefined) rows.push(["kept", escapeText(kept.path)]);
  const indent = 11;
  return rows.map(([label, text]) => `${label.padEnd(indent)}${wrapped(text, columns, indent)}`).join("\n");
}

export function checkedText({
  leaves,
  checked,
}: {
  readonly leaves: Verification["leaves"];
  readonly checked: Omit<Verification["checked"], "skipped">;
}): string {
  const { batches, records, bytes, deep } = checked;
  const inBytes = `in ${count(bytes, "byte", "bytes")}`;
  if (leaves === "records") return `${count(records, "leaf", "leaves")} ${inBytes}`;
  const trees = deep ? "the trees over the records too" : "not the trees over the records (--deep does)";
  return `${count(batches, "batch", "batches")} with ${count(records, "record", "records")} ${inBytes}; ${trees}`;
}

export function readText({ from, to }: NonNullable<Verification["read"]>): string {
  return `in parts, from ${minute(from)} to ${minute(to)}: the verdict holds as of the beginning`;
}

export function anchorText({ kind, size, source, since }: AnchorUsed): string {
  const of = `the checkpoint of size ${number(size)}`;
  switch (kind) {
    case "kept":
      return `${of} that you kept${since === undefined ? "" : ` on ${minute(since)}`}`;
    case "file":
      return `${of} in ${escapeText(source)}`;
    case "witnesses":
      return `${of}, cosigned by ${escapeText(source)}`;
    case "time-stamp":
      return `${of}, time-stamped by ${escapeText(source)}`;
    case "age":
      return `the newest batch was closed ${escapeText(source)} ago`;
  }
}

export function findingLines(
  { leaves, findings, omitted }: Pick<Verification, "leaves" | "findings" | "omitted">,
  style: Style,
  columns: number,
): string {
  if (findings.length === 0) return "";
  const unit = leaves === "batches" ? "batch" : "leaf";
  const lines = findings.slice(0, MAX_SHOWN).map((finding) => findingText(finding, unit, style, columns));
  const rest = findings.length + omitted - lines.length;
  if (rest > 0)
    lines.push(`and ${number(rest)} more: --json lists ${omitted > 0 ? "the first 10,000" : "them"}`);
  return lines.join("\n");
}

function findingText(finding: Finding, unit: string, style: Style, columns: number): string {
  const { code, seq, line, offset, path, detail, expected, found } = finding;
  const place = [
    seq === undefined ? "" : `${unit} ${number(seq)}`,
    line === undefined ? "" : `line ${number(line)}`,
    offset === undefined ? "" : `byte ${number(offset)}`,
  ].filter((part) => part !== "");
  const where = place.length === 0 ? "" : `${place.join(", ")}: `;
  const hashes = [
    expected === undefined ? "" : `signed ${short(expected)}`,
    found === undefined ? "" : `found ${short(found)}`,
  ].filter((part) => part !== "");
  const second = [path === undefined ? "" : escapeText(path), hashes.join(", ")].filter(
    (part) => part !== "",
  );
  const first = wrapped(`${code}  ${where}${escapeText(detail)}`, columns, 2);
  return [
    first.replace(code, style.bad(code)),
    ...(second.length === 0 ? [] : [`  ${style.faint(wrapped(second.join("; "), columns, 2))}`]),
  ].join("\n");
}

/** Text that follows something `indent` characters long; further lines are indented by as much. */
function wrapped(text: string, columns: number, indent = 0): string {
  return wrap(text, columns - indent).join(`\n${" ".repeat(indent)}`);
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function short(digest: string): string {
  return `${digest.slice(0, 12)}…`;
}
