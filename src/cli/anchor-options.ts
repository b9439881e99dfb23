import type { Command } from "commander";

/** What may bound the end of a log that is verified. */
export interface AnchorFlags {
  readonly anchor?: readonly string[];
  readonly tsaCa?: string;
  readonly allowUnanchored?: true;
}

/** Adds the flags, the same wherever a log is verified. */
export function withAnchors(command: Command): Command {
  return command
    .option(
      "--anchor <source>",
      "a checkpoint kept elsewhere: a file, a directory of them, git:REPO#REF:FOLDER, a URL, s3://BUCKET/PREFIX; repeatable",
      anotherSource,
    )
    .option("--tsa-ca <file>", "certificates of the time-stamping authorities to trust (PEM)")
    .option("--allow-unanchored", "an intact log is a success even where nothing anchors it");
}

/** For a flag that takes one more each time. */
export function anotherSource(source: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), source];
}
