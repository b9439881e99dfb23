import type { CommandEntry } from "./command.ts";

/** Every command, in the order of `fleetsec --help`. */
export const commands: readonly CommandEntry[] = [
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: () => import("./completion.ts"),
  },
];
