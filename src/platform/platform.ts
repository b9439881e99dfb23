import type { Exec } from "./exec.ts";
import type { Files } from "./files.ts";
import type { Locks } from "./lock.ts";
import type { Network } from "./network.ts";
import type { Tokens } from "./pkcs11/tokens.ts";
import type { Threads } from "./threads.ts";

export interface Clock {
  /** The wall clock, as milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since an arbitrary instant; never jumps. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface TextSink {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Terminal width in characters; 80 where there is no terminal. */
  readonly columns: number;
}

export interface TextSource extends AsyncIterable<Uint8Array> {
  readonly isTTY: boolean;
  /** Stops reading, so that a process that has no more to do can end. */
  close(): void;
}

/**
 * All contact with the outside. Domains receive what they need of it as an
 * argument and touch nothing else: no `process`, no `Date.now()`.
 */
export interface Platform {
  readonly clock: Clock;
  /** Cryptographically secure random bytes. */
  readonly random: (length: number) => Uint8Array;
  readonly files: Files;
  readonly locks: Locks;
  readonly exec: Exec;
  readonly network: Network;
  /** Keys in HSMs and TPMs. */
  readonly tokens: Tokens;
  readonly threads: Threads;
  /**
   * From now on memory is freed before it is mapped anew, here and in threads that start later: for
   * long work on much that is held briefly, whose size would else depend on how long it takes.
   */
  readonly saveMemory: () => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The current directory, absolute. */
  readonly cwd: string;
  /** Where this user's own state is kept, outside any project (XDG_STATE_HOME/fleetsec). */
  readonly userState: string;
  readonly stdin: TextSource;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** Aborted on SIGINT, SIGTERM, or a SIGHUP that nobody listens to, with a FleetsecError as its reason. */
  readonly signal: AbortSignal;
  /**
   * Calls `listener` at each SIGHUP, which without any listener aborts `signal`, as SIGTERM does.
   * @returns what stops that
   */
  readonly onHangup: (listener: () => void) => () => void;
}

/** The part of it that help and errors are written with. */
export type Terminal = Pick<Platform, "env" | "stdout" | "stderr">;
