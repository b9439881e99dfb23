import type { Command } from "commander";
import type { ExitCode } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import type { Output } from "./output.ts";

/** The flags that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
  /** False with `--no-input`: a missing answer is a usage error. */
  readonly input: boolean;
}

/** What a command's action works with. */
export interface Cli {
  readonly platform: Platform;
  readonly options: GlobalOptions;
  readonly output: Output;
}

/** An action: flags to request, domain call, result to output. Returns the exit code. */
export type Action<A extends readonly unknown[]> = (cli: Cli, ...args: A) => Promise<ExitCode>;

/** Wraps an action for commander's `.action()`; arguments come first, then the options object. */
export type Bind = <A extends readonly unknown[]>(action: Action<A>) => (...args: unknown[]) => Promise<void>;

/** What a command module exports: adds arguments, options, subcommands and actions. */
export type Define = (command: Command, bind: Bind) => void;

/** A command by name; its module is loaded only when it is used. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly define: Define }>;
}
