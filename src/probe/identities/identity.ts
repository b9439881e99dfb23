import { createPrivateKey, X509Certificate } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { type ReadCertificate, readCertificate } from "../../pki/certificate-read.ts";
import type { KeyPair } from "../../pki/keys.ts";
import { decodePem, encodePem } from "../../pki/pem.ts";

/** A client's certificate chain and private key. Held in memory only. */
export interface Identity {
  /** PEM, leaf first. */
  readonly certificates: string;
  /** PEM. */
  readonly key: string;
  /** The same chain, read. */
  readonly chain: readonly [ReadCertificate, ...ReadCertificate[]];
}

/** @param chain DER, leaf first */
export function identity(
  chain: readonly [Uint8Array, ...Uint8Array[]],
  { privateKey }: Pick<KeyPair, "privateKey">,
): Identity {
  const [leaf, ...above] = chain;
  const read = (der: Uint8Array) => readCertificate(der, "forged certificate");
  return {
    certificates: chain.map((der) => encodePem("CERTIFICATE", der)).join(""),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    chain: [read(leaf), ...above.map(read)],
  };
}

/**
 * An identity from a user's files.
 * @param names what the files are, for messages
 * @throws FleetsecError `input` where they are not PEM, or the key is not the certificate's
 */
export function readIdentity(
  certificates: string,
  key: string,
  names: { readonly certificate: string; readonly key: string },
): Identity {
  const [leaf, ...above] = decodePem(certificates, names.certificate, ["CERTIFICATE"]).map(({ der }) =>
    readCertificate(der, names.certificate),
  );
  if (leaf === undefined) throw new FleetsecError("input", `${names.certificate} holds no certificate`);
  let privateKey;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    // the cause could hold the key
    throw new FleetsecError("input", `${names.key} holds no private key that can be read`, {
      hint: "give a PEM file without a passphrase",
    });
  }
  if (!new X509Certificate(leaf.der).checkPrivateKey(privateKey)) {
    throw new FleetsecError("input", `${names.key} is not the key of ${names.certificate}`, {
      hint: "name the certificate and the key that belong together",
    });
  }
  return {
    certificates: [leaf, ...above].map(({ der }) => encodePem("CERTIFICATE", der)).join(""),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    chain: [leaf, ...above],
  };
}
