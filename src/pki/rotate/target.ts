/** A certificate to keep fresh, and the service that has to take it up. */
export interface RotationTarget {
  readonly name: string;
  /** Make a new key each time. */
  readonly rekey: boolean;
  /** Tells the service that its certificate has changed; undefined for one that finds out by itself. */
  readonly hook: Hook | undefined;
  /** Where the service is to be seen with its new certificate. */
  readonly confirm: ConfirmTarget | undefined;
}

/** A program to run, a process to signal, or both in this order. */
export interface Hook {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly [string, ...string[]] | undefined;
  readonly process: { readonly pidFile: string; readonly signal: ReloadSignal } | undefined;
  /** Where the program runs. */
  readonly cwd: string;
}

export const reloadSignals = ["HUP", "USR1", "USR2"] as const;
export type ReloadSignal = (typeof reloadSignals)[number];

export interface ConfirmTarget {
  readonly host: string;
  readonly port: number;
  /** Milliseconds until it must be seen. */
  readonly timeout: number;
}
