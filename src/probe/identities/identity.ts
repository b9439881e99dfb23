import { X509Certificate } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { privateKeyPem, readPrivateKey } from "../../pki/key-file.ts";
import { encodePem } from "../../pki/pem.ts";
import { type Certificate, parseCertificate } from "../../pki/verify/certificate.ts";
import { readCertificates } from "../../pki/verify/pem.ts";

/** A client's certificate chain and private key. Held in memory only. */
export interface Identity {
  /** PEM, leaf first. */
  readonly certificates: string;
  /** PEM. */
  readonly key: string;
  /** The same chain, read. */
  readonly chain: readonly [Certificate, ...Certificate[]];
}

/** @param chain DER, leaf first; @param key PEM */
export function identity(chain: readonly [Uint8Array, ...Uint8Array[]], key: string): Identity {
  const [leaf, ...above] = chain;
  const read = (der: Uint8Array) => parseCertificate(der, "forged certificate");
  return { certificates: pemOf(chain), key, chain: [read(leaf), ...above.map(read)] };
}

/**
 * An identity from a user's files.
 * @param names what the files are, for messages
 * @throws FleetsecError `input` where they are not what they should be, or do not belong together;
 *   `passphrase` for a key that is encrypted
 */
export function readIdentity(
  certificates: Uint8Array,
  key: string,
  names: { readonly certificate: string; readonly key: string },
): Identity {
  const [leaf, ...above] = readCertificates(certificates, names.certificate);
  const privateKey = readPrivateKey(key, names.key);
  if (leaf === undefined || !new X509Certificate(leaf.der).checkPrivateKey(privateKey)) {
    throw new FleetsecError("input", `${names.key} is not the key of ${names.certificate}`, {
      hint: "name the certificate and the key that belong together",
    });
  }
  const chain = [leaf, ...above] as const;
  return {
    certificates: pemOf(chain.map(({ der }) => der)),
    key: privateKeyPem(privateKey),
    chain: [...chain],
  };
}

function pemOf(chain: readonly Uint8Array[]): string {
  return chain.map((der) => encodePem("CERTIFICATE", der)).join("");
}
