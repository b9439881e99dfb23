import type { AttackResult, ControlResult, EndpointResult } from "../probe/result.ts";
import type { ProbeTextOptions } from "./probe.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** Attacks by TLS version. Each cell is a symbol and a word: colour adds nothing that is not there. */
export function probeMatrix(
  { control, attacks }: EndpointResult,
  { style, columns }: ProbeTextOptions,
): string {
  const byVersion = attacks.filter(({ tls }) => tls !== null);
  const ids = [...new Set(byVersion.map(({ id }) => id))];
  const cell = (id: string, tls: string) => {
    const result = byVersion.find((one) => one.id === id && one.tls === tls);
    return result === undefined ? "" : outcomeCell(result, style);
  };
  const rows: Row[] = [
    ...ids.map((id) => ({
      name: id,
      title: byVersion.find((one) => one.id === id)?.title ?? "",
      cells: [cell(id, "1.3"), cell(id, "1.2")],
    })),
    // the version is the attack's own, or there is none
    ...attacks
      .filter(({ tls, outcome }) => tls === null && outcome !== "not-run")
      .map((result) => ({
        name: ids.includes(result.id) ? `${result.id}, no TLS` : result.id,
        title: result.title,
        cells: [outcomeCell(result, style)],
      })),
  ];
  const served = [controlCell(control, "1.3", style), controlCell(control, "1.2", style)];
  if (hasRoomForTitles(rows, columns)) {
    return table(
      [
        ["", "", ...HEAD],
        ["", CONTROL, ...served],
        ...rows.map(({ name, title, cells }) => [name, title, ...cells]),
      ],
      columns,
    );
  }
  return table(
    [["", ...HEAD], [CONTROL, ...served], ...rows.map(({ name, cells }) => [name, ...cells])],
    columns,
  );
}

interface Row {
  readonly name: string;
  readonly title: string;
  readonly cells: readonly string[];
}

const HEAD = ["TLS 1.3", "TLS 1.2"];
const CONTROL = "a valid client";
/** Two cells of outcomes, and the gaps. */
const CELLS = 2 * "  ✗ ACCEPTED".length + 2;
/** Titles that are cut shorter all read the same, and the names say more. */
const MIN_TITLE = 32;

function hasRoomForTitles(rows: readonly Row[], columns: number): boolean {
  const longest = (lengths: readonly number[]) => Math.max(0, ...lengths);
  const room = columns - CELLS - longest(rows.map(({ name }) => name.length));
  return room >= Math.min(MIN_TITLE, longest(rows.map(({ title }) => title.length)));
}

function controlCell(control: readonly ControlResult[], tls: string, style: Style): string {
  const result = control.find((one) => one.tls === tls);
  switch (result?.outcome) {
    case "accepted":
      return style.good("served");
    case "refused":
      return style.faint("not served");
    case "inconclusive":
      return style.unsure("? unclear");
    case undefined:
      return "";
  }
}

function outcomeCell({ outcome, reportedOnly, tolerated }: AttackResult, style: Style): string {
  switch (outcome) {
    case "refused":
      return style.good("✓ refused");
    case "accepted":
      if (tolerated !== undefined) return style.unsure("~ accepted");
      return reportedOnly ? style.unsure("! accepted") : style.bad("✗ ACCEPTED");
    case "inconclusive":
      return style.unsure("? unclear");
    case "not-applicable":
      return style.faint("– n/a");
    case "not-run":
      return style.faint("· not run");
  }
}
