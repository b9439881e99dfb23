import { withAnchors } from "./anchor-options.ts";
import type { Define } from "./command.ts";
import type { AnchorFlags } from "./logs/anchor.ts";
import type { ImportFlags } from "./logs/import.ts";
import type { KeygenFlags } from "./logs/keygen.ts";
import type { LintFlags } from "./logs/lint.ts";
import type { ProveFlags } from "./logs/prove.ts";
import type { RotateKeyFlags } from "./logs/rotate-key.ts";
import type { SignFlags } from "./logs/sign.ts";
import type { TraceFlags } from "./logs/trace.ts";
import type { VerifyProofFlags } from "./logs/verify-proof.ts";
import type { WitnessFlags } from "./logs/witness.ts";
import { withReports } from "./reports.ts";

export const define: Define = (command, bind) => {
  command
    .command("keygen")
    .description(
      "Make a log's key pair: NAME.key (0600), and NAME.pub with the verifier key that auditors trust.",
    )
    .option("--origin <origin>", "the log's name (default: logs.origin, or DOMAIN/audit of fleetsec.yaml)")
    .option("--type <type>", "ed25519 or p256; public and witnessed logs need ed25519", "ed25519")
    .option("--out <dir>", "the directory for both files", ".")
    .option("--encrypt", "encrypt the private key with a passphrase")
    .option("--token <uri>", "make the key in a token: pkcs11:token=…?module-path=…; NAME.key then names it")
    .option("--passphrase-file <file>", "that passphrase (also FLEETSEC_PASSPHRASE; else it is asked for)")
    .action(bind(async (cli, flags: KeygenFlags) => (await import("./logs/keygen.ts")).keygen(cli, flags)));
  command
    .command("sign")
    .description(
      "Sign the lines of log files that are not signed yet, in batches. The same command again goes on\n" +
        "after the last line that was signed, whatever ended the run before.",
    )
    .requiredOption("--in <path...>", "log files, directories of log files, or - for standard input")
    .option(
      "--store <place>",
      "where the signed log is kept: a directory, or s3://BUCKET/PREFIX (default: logs.store)",
    )
    .option("--key <key...>", "the log's private key, a file or pkcs11:…; a second one signs as well")
    .option("--origin <origin>", "the log's name, for --key pkcs11:… (default: logs.origin, or DOMAIN/audit)")
    .option(
      "--signer-cmd <cmd arg ...>",
      "a command that signs: text on stdin, signature on stdout; no shell",
    )
    .option("--signer-pub <file>", "the public key of that command")
    .option("--passphrase-file <file>", "passphrase of an encrypted key (also FLEETSEC_PASSPHRASE)")
    .option("--interval <duration>", "close a batch after this time (default: logs.interval, or 5m)")
    .option("--max-records <n>", "close a batch after so many records (default: logs.max_records, or 100000)")
    .option("--follow", "go on with what is written, through log rotation, until SIGTERM")
    .option(
      "--heartbeat",
      "while following: a batch every interval, though nothing came (also logs.heartbeat)",
    )
    .option("--threads <n>", "threads that hash a large input (default: one a processor, at most 8)")
    .option("--new-input", "take an input that does not go on from where it was signed for a new one")
    .option("--state <dir>", "where the signer of a store in S3 keeps its state (default: user state)")
    .option(
      "--retain <duration>",
      "how long S3 locks what is written, in COMPLIANCE mode (default: logs.retention)",
    )
    .action(bind(async (cli, flags: SignFlags) => (await import("./logs/sign.ts")).sign(cli, flags)));
  command
    .command("rotate-key")
    .description("Change a log's keys: the old and the new one sign a checkpoint that says so.")
    .option(
      "--store <place>",
      "where the signed log is kept: a directory, or s3://BUCKET/PREFIX (default: logs.store)",
    )
    .option("--key <key...>", "every key that signs until now, a file or pkcs11:…")
    .requiredOption("--new-key <key...>", "every key that signs from now on")
    .option(
      "--origin <origin>",
      "the log's name, for keys by pkcs11:… (default: logs.origin, or DOMAIN/audit)",
    )
    .option("--signer-cmd <cmd arg ...>", "a command that signs with a key of until now; no shell")
    .option("--signer-pub <file>", "the public key of that command")
    .option("--passphrase-file <file>", "passphrase of encrypted keys (also FLEETSEC_PASSPHRASE)")
    .option("--state <dir>", "where the signer of a store in S3 keeps its state (default: user state)")
    .option(
      "--retain <duration>",
      "how long S3 locks what is written, in COMPLIANCE mode (default: logs.retention)",
    )
    .action(
      bind(async (cli, flags: RotateKeyFlags) =>
        (await import("./logs/rotate-key.ts")).rotateKey(cli, flags),
      ),
    );
  withAnchors(
    command
      .command("trace")
      .description(
        "Show the chain of events of a request, an identity or a vehicle, from verified batches only.\n" +
          "Exit 1: the log is altered. 3: it could be incomplete, or nothing outside the store anchors it.",
      )
      .option(
        "--store <place>",
        "where the signed log is kept: a directory, or s3://BUCKET/PREFIX (default: logs.store)",
      )
      .requiredOption("--trust <file>", "the log's .pub file, or a C2SP tlog-policy file")
      .option("--origin <origin>", "the log that is wanted, where the trust file has keys of several")
      .option("--state <dir>", "where the checkpoints that you verified are kept, as of verify-logs")
      .option("--request-id <id>", "the events of one request, in every service")
      .option("--identity <name>", "every request of a subject, a common name or a serial number")
      .option("--vehicle <id>", "every request that is about a vehicle"),
  ).action(bind(async (cli, flags: TraceFlags) => (await import("./logs/trace.ts")).trace(cli, flags)));
  command
    .command("import")
    .description("Turn access logs of nginx and Envoy, and OPA's decision logs, into audit events.")
    .requiredOption("--format <format>", "nginx, envoy or opa")
    .requiredOption("--in <path...>", "log files, directories of log files, or - for standard input")
    .option("--out <file>", "a new file for the events, or - for standard output", "-")
    .action(
      bind(async (cli, flags: ImportFlags) => (await import("./logs/import.ts")).importEvents(cli, flags)),
    );
  withReports(command.command("lint"))
    .description("Check that every record is a right audit event. Findings end with exit code 1.")
    .requiredOption("--in <path...>", "log files, directories of log files, or - for standard input")
    .action(bind(async (cli, flags: LintFlags) => (await import("./logs/lint.ts")).lint(cli, flags)));
  command
    .command("anchor")
    .description(
      "Publish the log's newest checkpoint where the store's keeper cannot take it back: what verify-logs\n" +
        "--anchor reads. Exit 1 where a place holds another checkpoint of that size, 3 where one cannot be reached.",
    )
    .option("--store <place>", "the log's store: a directory, or s3://BUCKET/PREFIX (default: logs.store)")
    .option("--trust <file>", "the log's .pub file: only what its keys signed is published")
    .option(
      "--to <place...>",
      "a directory, git:REPO#BRANCH:FOLDER, an http(s):// URL (PUT), or s3://BUCKET/PREFIX",
    )
    .option("--tsa <url>", "an RFC 3161 authority, whose time-stamp is kept in the store")
    .option("--tsa-ca <file>", "certificates of the authorities to trust (PEM); needed with --tsa")
    .option("--retain <duration>", "how long S3 locks the checkpoint in COMPLIANCE mode (default: 365d)")
    .action(bind(async (cli, flags: AnchorFlags) => (await import("./logs/anchor.ts")).anchor(cli, flags)));
  command
    .command("prove")
    .description(
      "Write a proof that a record is in the log (C2SP tlog-proof), to be verified without the log; or,\n" +
        "with --from, that the log extends what it was.",
    )
    .option("--store <place>", "the signed log: a directory, or s3://BUCKET/PREFIX (default: logs.store)")
    .option("--record <seq:line>", "the record: its batch's number, and its line there from 1")
    .option("--request-id <id>", "the records of that request, each with a proof of its own")
    .option("--from <size>", "a consistency proof from the checkpoint of that many batches")
    .option("--size <size>", "prove against the checkpoint of that many batches (default: the newest)")
    .option("--out <path>", "the proof's file, or a directory for several (default: standard output)")
    .action(bind(async (cli, flags: ProveFlags) => (await import("./logs/prove.ts")).prove(cli, flags)));
  command
    .command("verify-proof")
    .description("Verify a proof that logs prove wrote, without the log. Exit 1: it does not prove it.")
    .argument("<file>", "the proof")
    .requiredOption(
      "--trust <file>",
      "keys to believe: a .pub file of logs keygen, or a C2SP tlog-policy file",
    )
    .option("--origin <origin>", "the log that is wanted, where the trust file has keys of several")
    .option("--old <file>", "the older signed checkpoint that a consistency proof is about")
    .action(
      bind(async (cli, file: string, flags: VerifyProofFlags) =>
        (await import("./logs/verify-proof.ts")).verifyProof(cli, file, flags),
      ),
    );
  command
    .command("witness")
    .description(
      "Have the log's newest checkpoint cosigned by the witnesses of a policy. Exit 1 where one of them has\n" +
        "seen another history of the log, 3 where the policy's quorum is not met.",
    )
    .option("--store <place>", "the log's store: a directory, or s3://BUCKET/PREFIX (default: logs.store)")
    .option("--trust <file>", "a C2SP tlog-policy file, with the witnesses' URLs")
    .action(
      bind(async (cli, flags: WitnessFlags) => (await import("./logs/witness.ts")).witness(cli, flags)),
    );
};
