import type { PassphraseFlags } from "../pki-project.ts";

/** The flags of `probe`, as commander gives them. */
export interface ProbeFlags extends PassphraseFlags {
  readonly attack?: readonly string[];
  readonly skip?: readonly string[];
  readonly list?: true;
  readonly serverCa?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly clientCa?: string;
  readonly clientCaKey?: string;
  readonly identity?: readonly string[];
  readonly canary?: string;
  readonly timeout?: string;
  readonly concurrency?: string;
}
