import { withAnchors } from "./anchor-options.ts";
import type { Define } from "./command.ts";
import { withReports } from "./reports.ts";
import type { VerifyFlags } from "./verify-logs/verify.ts";

export const define: Define = (command, bind) => {
  withAnchors(
    withReports(command)
      .description(
        "Verify a signed log offline: that no record was altered, removed, added or moved, and where.\n" +
          "Exit 0: intact and anchored. 1: altered. 3: not established, or nothing outside the store anchors it.",
      )
      .argument("[store]", "the log's store: a directory, or s3://BUCKET/PREFIX (default: logs.store)")
      .option("--trust <file>", "keys to believe: a .pub file of logs keygen, or a C2SP tlog-policy file")
      .option("--origin <origin>", "the log that is wanted, where the trust file has keys of several")
      .option("--all-keys", "every key of the log in the trust file must have signed, not just one"),
  )
    .option("--since <time>", "read only records of batches from then on: RFC 3339, or 24h for that long ago")
    .option("--until <time>", "read only records of batches up to then")
    .option("--max-age <duration>", "the newest batch must not be older")
    .option("--state <dir>", "where the last verified checkpoint of each log is kept (default: user state)")
    .option("--deep", "recompute the trees over the records and the sidecars, however many there are")
    .option(
      "--locked [duration]",
      "each object of a store in S3 must have been locked in COMPLIANCE mode for that long (30d)",
    )
    .option("--threads <n>", "threads that hash a large log (default: one a processor, at most 8)")
    .option("--range <a..b>", "read only the records of batches from A to before B (A.. for all from A on)")
    .option("--shard <i/n>", "with --partial: the I-th of N parts of the batches, however many there are")
    .option(
      "--partial <file>",
      "verify the part that --range or --shard names, and write its result for --merge",
    )
    .option("--merge <file...>", "instead of a store: join the results of all parts into the verdict")
    .option("--max-part-age <duration>", "with --merge: no part may have been read longer ago (default: 24h)")
    .option(
      "--tlog <source>",
      "instead of a store, another program's C2SP tile log, a leaf a record: a directory or URL",
    )
    .action(
      bind(async (cli, store: string | undefined, flags: VerifyFlags) => {
        // all of it at once: what a verification loads takes as long as to verify a small log
        const { verifyLogs } = await import("./verify-logs/verify.ts");
        return verifyLogs(cli, store, flags);
      }),
    );
};
