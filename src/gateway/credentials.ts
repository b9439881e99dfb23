import { createHash, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { FleetsecError } from "../errors.ts";
import { decodePem, encodePem } from "../pki/pem.ts";
import type { Files } from "../platform/files.ts";

/** Where the gateway's own certificate, and what it trusts clients by, are kept (PEM). */
export interface CredentialFiles {
  /** The server's certificate with its chain. */
  readonly cert: string;
  readonly key: string;
  /** The CA certificates that clients must chain to. */
  readonly clientCa: string;
  /** Revocation lists, one for each CA; without it nothing is revoked. */
  readonly crl?: string;
}

export interface Credentials {
  readonly context: SecureContextOptions;
  /** Changes whenever any of the files' contents does. */
  readonly fingerprint: string;
}

const MAX_BYTES = 16 << 20;

/** Reads all of it, and sees that OpenSSL takes it. @throws FleetsecError `input`, or what reading throws */
export function readCredentials(files: Files, paths: CredentialFiles): Credentials {
  const cert = files.read(paths.cert, MAX_BYTES);
  const key = files.read(paths.key, MAX_BYTES);
  const ca = files.read(paths.clientCa, MAX_BYTES);
  const crl = paths.crl === undefined ? undefined : files.read(paths.crl, MAX_BYTES);
  const hash = createHash("sha256");
  for (const part of [cert, key, ca, crl ?? Buffer.alloc(0)]) hash.update(`${part.length}:`).update(part);
  requireServer(cert, paths.cert);
  const context = { cert, key, ca, ...(crl === undefined ? {} : { crl: single(crl, paths.crl ?? "") }) };
  try {
    createSecureContext(context);
  } catch (cause) {
    throw new FleetsecError(
      "input",
      `the gateway cannot use ${paths.cert} with ${paths.key} and ${paths.clientCa}`,
      {
        hint: "check with fleetsec cert inspect that they are PEM, and that the key belongs to the certificate",
        cause,
      },
    );
  }
  return { context, fingerprint: hash.digest("hex") };
}

/** Node reads one CRL of each string only, and OpenSSL wants one for every CA of a chain. */
function single(crl: Buffer, what: string): string[] {
  return decodePem(crl.toString("latin1"), what, ["X509 CRL"]).map(({ label, der }) => encodePem(label, der));
}

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** @throws FleetsecError `input` for a certificate that no client would take from a server */
function requireServer(pem: Buffer, what: string): void {
  let purposes: readonly string[] | undefined;
  try {
    purposes = new X509Certificate(pem).keyUsage;
  } catch {
    // createSecureContext says what is wrong with it
    return;
  }
  if (purposes?.includes(SERVER_AUTH)) return;
  throw new FleetsecError("input", `${what} is not a server's certificate`, {
    hint: "issue one with a role whose usages name server",
  });
}
