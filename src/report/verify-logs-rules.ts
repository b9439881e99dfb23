import type { FindingCode } from "../logs/verify/finding.ts";

/** Each finding of a verification: what was found, and what that means, for an auditor. */
export const LOG_RULES: Readonly<Record<FindingCode, { readonly title: string; readonly meaning: string }>> =
  {
    LOG_EMPTY: {
      title: "the log is empty",
      meaning: "nothing is left, or nothing was ever signed; an empty log is never intact",
    },
    CHECKPOINT_MISSING: {
      title: "a signed checkpoint is missing",
      meaning: "what the log committed to at that size cannot be compared any more",
    },
    NOTE_MALFORMED: {
      title: "a checkpoint is no signed note",
      meaning: "it was edited or damaged, and proves nothing",
    },
    ORIGIN_MISMATCH: {
      title: "a checkpoint of another log",
      meaning: "it says nothing about this log, and does not belong here",
    },
    KEY_UNKNOWN: {
      title: "no trusted key signed a checkpoint",
      meaning: "anybody could have written it",
    },
    SIG_INVALID: {
      title: "a trusted key's signature does not hold",
      meaning: "the checkpoint or its signature was edited after it was signed",
    },
    SIG_MISSING: {
      title: "a key of the log did not sign a checkpoint",
      meaning: "its signature was taken out, or whoever signed did not have that key",
    },
    KEY_OUT_OF_RANGE: {
      title: "a key signed outside its range",
      meaning: "a key that was retired, or not yet in use, is being used: it may be stolen",
    },
    KEY_ROTATION_INVALID: {
      title: "a change of keys that the old key did not sign",
      meaning: "somebody other than the log's keeper may have introduced the new key",
    },
    QUORUM_UNMET: {
      title: "too few witnesses cosigned",
      meaning: "the log may have shown them another history than this one",
    },
    ROLLBACK: {
      title: "an older checkpoint was put back",
      meaning: "the log signed more than the store now shows",
    },
    TAIL_TRUNCATED: {
      title: "the end was cut off",
      meaning: "batches that the log signed are gone",
    },
    EQUIVOCATION: {
      title: "two signed roots of one size",
      meaning: "the holder of the key showed different histories to different people",
    },
    INCONSISTENT_WITH_ANCHOR: {
      title: "the log is no continuation of an anchor",
      meaning: "its past was rewritten and signed again",
    },
    OBJECT_SHADOWED: {
      title: "an object is hidden in S3",
      meaning: "somebody deleted or overwrote what the lock keeps: its locked version still tells",
    },
    LOCK_WEAK: {
      title: "an object in S3 is not locked as it should be",
      meaning: "whoever owns the bucket could have replaced it",
    },
    TSR_INVALID: {
      title: "a time-stamp token does not hold",
      meaning: "it proves nothing about when the log had this state",
    },
    TILE_MISSING: { title: "a tile is missing", meaning: "a part of the tree cannot be read any more" },
    TILE_ALTERED: { title: "a tile is altered", meaning: "the stored tree is not the one that was signed" },
    TILE_CONFLICT: {
      title: "a partial tile contradicts the full one",
      meaning: "one of the two was altered after it was written",
    },
    BUNDLE_ORDER: { title: "leaves are out of order", meaning: "entries were moved after they were signed" },
    BUNDLE_SURPLUS: {
      title: "a bundle holds too much",
      meaning: "something was added that was never signed",
    },
    LEAF_MISMATCH: { title: "a leaf is not the one that was signed", meaning: "an entry was altered" },
    LEAF_MALFORMED: {
      title: "a signed leaf is none",
      meaning: "the signer wrote what this format does not know",
    },
    CHAIN_BREAK: { title: "the chain is broken", meaning: "a leaf does not follow the one before it" },
    TIME_REGRESSION: {
      title: "a batch is dated back",
      meaning: "the signer's clock was wrong, or the batch was made up later",
    },
    TIME_ANOMALY: { title: "a time lies in the future", meaning: "a clock was wrong, or a time was made up" },
    GAP: { title: "nothing was signed for too long", meaning: "signing stopped, or the end was cut off" },
    BATCH_MISSING: { title: "a batch is missing", meaning: "signed records are gone" },
    BATCH_SWAPPED: { title: "a batch file holds another batch", meaning: "records were moved" },
    BATCH_UNSIGNED: {
      title: "a batch that was never signed",
      meaning: "it was added by somebody, or left by an interrupted signer",
    },
    BATCH_ALTERED: { title: "a batch is altered", meaning: "its records are not those that were signed" },
    SIDECAR_ALTERED: {
      title: "record hashes are altered",
      meaning: "the records are judged on their own, yet somebody or something changed the store",
    },
    RECORD_ALTERED: { title: "a record is altered", meaning: "it does not say what was signed" },
    RECORD_DELETED: { title: "a record is deleted", meaning: "something that was signed is gone" },
    RECORD_INSERTED: { title: "a record is inserted", meaning: "it was never signed" },
    RECORD_REORDERED: { title: "a record is moved", meaning: "the order of events is not the signed one" },
    RECORD_DUPLICATED: { title: "a record is doubled", meaning: "an event seems to have happened twice" },
    RECORDS_MISSING: { title: "a batch is cut short", meaning: "the records at its end are gone" },
    TRAILING_DATA: { title: "bytes after the last record", meaning: "they were never signed" },
    UNEXPECTED_FILE: {
      title: "a file that does not belong",
      meaning: "somebody or something wrote into the store",
    },
  };
