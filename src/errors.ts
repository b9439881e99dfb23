/**
 * Everything a user or the outside world can cause, as a closed set.
 * A fault that fits none of these is a bug in fleetsec and ends with exit 70.
 */
export type ErrorCode =
  /** Wrong flags or arguments, or an answer that could not be asked for. */
  | "usage"
  /** `fleetsec.yaml` is malformed or contradicts itself. */
  | "config"
  /** A certificate, key, log, CSR… that cannot be read as what it should be. */
  | "input"
  /** A file, certificate, CA or key that was named does not exist. */
  | "not-found"
  /** The operating system, or a key file's mode, forbids it. */
  | "permission"
  /** Something is there that must not be overwritten. */
  | "exists"
  /** A role, profile or rule refuses what was asked for. */
  | "refused"
  /** The passphrase is missing or wrong. */
  | "passphrase"
  /** The state directory is damaged. */
  | "state"
  /** Another process holds the lock. */
  | "busy"
  /** A peer could not be reached, or did not answer in time. */
  | "unreachable"
  /** An issuing service answers and cannot do its work: sealed, failing, or not accepting our credentials. */
  | "issuer"
  /** A program or optional package that is needed is not installed, or failed to run. */
  | "engine"
  /** Disk full, read-only file system and the like. */
  | "io"
  /** A thread came to an end before its work was done: the system is short of memory, say. */
  | "thread"
  /** SIGINT, or Ctrl-C at a prompt. */
  | "interrupted"
  /** SIGTERM, or a SIGHUP that means nothing else. */
  | "terminated";

/** The process exit codes of the command-line contract. */
export type ExitCode = 0 | 1 | 2 | 3 | 70 | 130 | 143;

export interface ErrorDetails {
  /** What the user can do next; lowercase, no full stop. */
  readonly hint?: string | undefined;
  /** Where one message covers several faults: each of them, in order. */
  readonly problems?: readonly string[];
  readonly cause?: unknown;
}

/** A fault with a name, a message fit for the user, and a hint on what to do next. */
export class FleetsecError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly problems: readonly string[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "FleetsecError";
    this.code = code;
    this.hint = details.hint;
    this.problems = details.problems ?? [];
  }
}

/** The exit code of an error, by the command-line contract. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  switch (code) {
    case "usage":
    case "config":
    case "input":
    case "not-found":
    case "permission":
    case "exists":
    case "refused":
    case "passphrase":
    case "state":
      return 2;
    case "busy":
    case "unreachable":
    case "issuer":
    case "engine":
    case "io":
    case "thread":
      return 3;
    case "interrupted":
      return 130;
    case "terminated":
      return 143;
  }
}
