import { anchoredSize, type Verification } from "../logs/verify/verification.ts";
import { anchorAdvice } from "./anchor-advice.ts";
import { count, number } from "./quantity.ts";

/** What the verdict says and does not say, in plain words: what begins with `Established:` is. */
export function meaning(result: Verification): string[] {
  const { verdict, leaves, log, anchors, checked } = result;
  const units = leaves === "batches" ? "Batches" : "Leaves";
  const size = log?.size ?? 0;
  if (verdict === "altered") return alteredMeaning(result);
  const shown = shownText(leaves, checked);
  const unread = unreadText(leaves, checked);
  const general =
    "Not established: that what was written into the log is true, or that all was written that should have been.";
  if (verdict === "not-established") return ["Nothing was found to be altered in what could be checked."];
  if (anchors.length === 0) {
    return [
      shown,
      ...unread,
      `Not established: that the log is complete. Its end could be cut off, or the holder of the signing key could have rewritten it, and the store would look the same.`,
      anchorAdvice(result),
    ];
  }
  const anchored = anchoredSize(result);
  const tail =
    anchored < size
      ? [
          `${units} ${number(anchored)} to ${number(size - 1)} came after the newest anchor: the holder of the signing key could still rewrite or cut off those.`,
        ]
      : [];
  return [shown, ...unread, ...tail, general];
}

type Checked = Verification["checked"];

function shownText(leaves: Verification["leaves"], { skipped, deep }: Checked): string {
  if (leaves === "records") {
    return "Established: every leaf is as the log's key signed it, in its place. Files that tlog-tiles does not name were not judged.";
  }
  if (skipped > 0)
    return "Established: the leaves of all batches, and the records of those that were read, are as the log's key signed them.";
  const records =
    "Established: no record was altered, removed, added or moved since the log's key signed it, and";
  return deep
    ? `${records} nothing else is in the store.`
    : `${records} no file is in the store that does not belong there.`;
}

/** What was left out, though it was there. */
function unreadText(leaves: Verification["leaves"], { batches, skipped, deep }: Checked): string[] {
  if (leaves === "records") return [];
  const unread = count(skipped, "batch", "batches");
  return [
    ...(skipped > 0
      ? [
          `Not established: anything about the records of ${unread} that were not asked for. Without --range, --since and --until all are read.`,
        ]
      : []),
    ...(deep || batches === 0
      ? []
      : [
          "Not established: that the record hashes beside the batches (fleetsec/hashes) are right. They are not signed, and serve to find altered lines and to prove records; in a log of this size they are read with --deep.",
        ]),
  ];
}

function alteredMeaning({ counts }: Verification): string[] {
  const sidecarsOnly = Object.keys(counts).every((code) => code === "SIDECAR_ALTERED");
  return [
    sidecarsOnly
      ? "The records are intact: only sidecars are altered, which are not signed and serve to find altered lines. Yet somebody or something changed the store."
      : "Keep a copy of the store as it is before anything else touches it.",
  ];
}
