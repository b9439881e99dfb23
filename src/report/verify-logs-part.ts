import type { WholeFacts } from "../logs/verify/examination.ts";
import type { PartFindings, PartResult } from "../logs/verify/part-result.ts";
import { escapeText } from "./escape.ts";
import { count, number } from "./quantity.ts";
import type { Style } from "./style.ts";
import { base64, checkedText, findingLines } from "./verify-logs.ts";
import { wrap } from "./wrap.ts";

/** What a part found as JSON, in the form of docs/schema/verify-logs-part.v1.json. */
export function partDocument(result: PartResult): object {
  const { version, time, ended, store, shard, asked, checkpoint, cosigned, kept, examination } = result;
  const { range, whole, batches, leaves, unread } = examination;
  return {
    schema: "fleetsec.verify-logs-part/v1",
    version,
    time: new Date(time).toISOString(),
    ended: new Date(ended).toISOString(),
    store,
    ...(shard === undefined ? {} : { shard }),
    range,
    asked: { ...asked, anchors: asked.anchors.map((anchor) => ({ ...anchor, root: base64(anchor.root) })) },
    checkpoint,
    cosigned,
    ...(kept === undefined ? {} : { kept: { ...kept, root: base64(kept.root) } }),
    whole: wholeDocument(whole),
    batches,
    unread,
    ...(leaves === undefined ? {} : { leaves: base64(leaves) }),
  };
}

function wholeDocument({ log, ...rest }: WholeFacts): object {
  return { ...(log === undefined ? {} : { log: { ...log, root: base64(log.root) } }), ...rest };
}

/** The same for a person: what was found, and that it is no verdict. */
export function partText(
  { examination }: PartResult,
  { findings, counts, omitted }: PartFindings,
  options: { readonly style: Style; readonly columns: number },
): string {
  const { range, whole, batches, unread } = examination;
  const { style } = options;
  const columns = Math.max(40, Math.min(options.columns, 100));
  const found = Object.values(counts).reduce((sum, one) => sum + one, 0);
  const unreadCount = unread.files.length + unread.more;
  const part = `PART, ${rangeText(range, whole.size)}`;
  const headline =
    found > 0
      ? style.bad(style.strong(`${part}: ${count(found, "finding", "findings")}`))
      : unreadCount + whole.unestablished.length > 0
        ? style.unsure(style.strong(`${part}: not all could be checked`))
        : style.strong(`${part}: nothing found`);
  const checked = checkedText({ leaves: "batches", checked: { ...batches, deep: whole.deep } });
  const rows: [string, string][] = [
    ...(whole.log === undefined ? [] : [["log", escapeText(whole.log.origin)] as [string, string]]),
    ["checked", checked],
    ...unread.files
      .slice(0, 10)
      .map(({ path, why }): [string, string] => ["unchecked", escapeText(`${path}: ${why}`)]),
    ...(unreadCount > 10
      ? [["unchecked", `${number(unreadCount - 10)} more files`] as [string, string]]
      : []),
    ...whole.unestablished.map((text): [string, string] => ["unchecked", escapeText(text)]),
  ];
  const sections = [
    headline,
    rows
      .map(([label, text]) => `${label.padEnd(11)}${wrap(text, columns - 11).join(`\n${" ".repeat(11)}`)}`)
      .join("\n"),
    findingLines({ leaves: "batches", findings, omitted }, style, columns),
    wrap(
      "This is no verdict: a part says nothing about the other batches, nor whether anything anchors the log. fleetsec verify-logs --merge joins all parts into one.",
      columns,
    ).join("\n"),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function rangeText({ from, to }: { readonly from: number; readonly to: number }, size: number): string {
  if (from === to) return `no batch of ${number(size)}`;
  const which = to - from === 1 ? `batch ${number(from)}` : `batches ${number(from)} to ${number(to - 1)}`;
  return `${which} of ${number(size)}`;
}
