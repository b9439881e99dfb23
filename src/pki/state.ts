import { dirname, join } from "node:path";
import type { Files } from "../platform/files.ts";
import type { Platform } from "../platform/platform.ts";
import { readSecretFile } from "../platform/secret-file.ts";

/** What the PKI needs of the outside. */
export type PkiPlatform = Pick<Platform, "clock" | "random" | "files" | "locks" | "tokens">;

/** Where things lie below the state directory; docs/pki-state.md describes each. */
export interface StateLayout {
  /** One directory for each authority generation, and `current`. */
  readonly authorities: string;
  /** Roots that are trusted, PEM. */
  readonly trustBundle: string;
  /** CRLs of every CA that is trusted, PEM. */
  readonly crl: string;
  readonly certificates: string;
  readonly inventory: string;
  /** A directory for each NAME that `cert rotate` has dealt with. */
  readonly rotation: string;
  readonly lock: string;
}

export function stateLayout(stateDirectory: string): StateLayout {
  const authorities = join(stateDirectory, "ca");
  return {
    authorities,
    trustBundle: join(authorities, "bundle.pem"),
    crl: join(authorities, "crl.pem"),
    certificates: join(stateDirectory, "certs"),
    inventory: join(stateDirectory, "inventory.jsonl"),
    rotation: join(stateDirectory, "rotation"),
    lock: join(stateDirectory, "lock"),
  };
}

/** Where the files of a CA generation lie. */
export function generationDirectory(
  { authorities }: Pick<StateLayout, "authorities">,
  number: number,
): string {
  return join(authorities, String(number));
}

/** The same where a service issues: what gateways read lies apart from a CA of the project's own. */
export function serviceLayout(stateDirectory: string): StateLayout {
  const at = (name: string) => join(stateDirectory, "issuer", name);
  return { ...stateLayout(stateDirectory), trustBundle: at("bundle.pem"), crl: at("crl.pem") };
}

/** The CAs between a service's certificates and a root, PEM, as they were when it issued last. */
export function serviceChain({ trustBundle }: StateLayout): string {
  return join(dirname(trustBundle), "chain.pem");
}

/** @param issuer `local`, or the service that issues */
export function layoutFor(stateDirectory: string, issuer: string): StateLayout {
  return issuer === "local" ? stateLayout(stateDirectory) : serviceLayout(stateDirectory);
}

/** A PEM file of ours has some kilobytes; a foreign key or chain not much more. */
export const MAX_PEM_BYTES = 1 << 20;

/**
 * The text of a file that holds a secret.
 * @throws FleetsecError `permission` where others can read it, and what reading throws
 */
export function readSecret(files: Files, path: string): string {
  return readSecretFile(files, path, MAX_PEM_BYTES);
}
