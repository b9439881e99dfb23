import { resolve } from "node:path";
import type { LoadedConfig } from "../../config/load.ts";
import type { PassphraseFlags } from "../pki-project.ts";
import type { ReportFlags } from "../reports.ts";
import type { BaselineFlags } from "./baseline.ts";

/** The flags of `probe`, as commander gives them. */
export interface ProbeFlags extends PassphraseFlags, ReportFlags, BaselineFlags {
  readonly attack?: readonly string[];
  readonly skip?: readonly string[];
  readonly list?: true;
  readonly serverCa?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly clientCa?: string | undefined;
  readonly clientCaKey?: string | undefined;
  readonly identity?: readonly string[];
  readonly resolve?: readonly string[];
  readonly servername?: readonly string[];
  readonly siblingPort?: readonly string[];
  readonly openapi?: string;
  readonly baseUrl?: string;
  readonly allowUnsafeMethods?: true;
  readonly canary?: string;
  readonly timeout?: string;
  readonly concurrency?: string;
  readonly delay?: string;
  readonly require?: readonly string[];
  readonly shard?: string;
}

/** The flags, and for what they leave out the configuration; paths in that are relative to its directory. */
export function withConfigured(flags: ProbeFlags, project: LoadedConfig | undefined): ProbeFlags {
  if (project === undefined) return flags;
  const { probe } = project.config;
  const path = (text: string | undefined) => text && resolve(project.directory, text);
  // a certificate and its key come from one place
  const givesClient = flags.clientCert !== undefined || flags.clientKey !== undefined;
  const givesCa = flags.clientCa !== undefined || flags.clientCaKey !== undefined;
  const identities = Object.entries(probe.identities).map(
    ([attack, { cert, key }]) => `${attack}=${path(cert)},${path(key)}`,
  );
  return {
    ...flags,
    serverCa: flags.serverCa ?? path(probe.server_ca),
    ...(givesClient ? {} : { clientCert: path(probe.client_cert), clientKey: path(probe.client_key) }),
    ...(givesCa ? {} : { clientCa: path(probe.client_ca), clientCaKey: path(probe.client_ca_key) }),
    identity: [...identities, ...(flags.identity ?? [])],
  };
}
