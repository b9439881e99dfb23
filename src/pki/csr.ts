import "reflect-metadata";
import { Crypto } from "@peculiar/webcrypto";
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from "@peculiar/x509";
import { FleetsecError } from "../errors.ts";
import type { GeneralName } from "./general-name.ts";
import { publicKeyOf, spkiOf } from "./keys.ts";
import { oids } from "./oids.ts";
import { decodeSinglePem } from "./pem.ts";
import { parseSan } from "./roles.ts";
import { COMPRESSED, readPublicKey } from "./verify/key.ts";
import { algorithmFault } from "./verify/signature.ts";
import { readSigned } from "./verify/signed.ts";

/** What a certificate signing request asks for. Nothing of it is granted yet but that the key is the asker's. */
export interface ReadCsr {
  /** DER SubjectPublicKeyInfo, encoded anew. */
  readonly spki: Uint8Array;
  readonly commonName: string | undefined;
  /** Alternative names that are well-formed and of a type that can be issued. */
  readonly names: readonly GeneralName[];
  /** What can never be granted, in words: extensions, parts of the subject, names of other types. */
  readonly surplus: readonly string[];
}

const crypto = new Crypto();

/** RSA with a small public exponent has a history of attacks; 65537 is what everybody uses. */
const MIN_RSA_EXPONENT = 65_537n;

/**
 * Reads a PKCS #10 request and checks that it is signed by the key that it holds (RFC 2986).
 * @param what what is being read, for messages: a path
 * @throws FleetsecError `input`
 */
export async function readCsr(pem: string, what: string): Promise<ReadCsr> {
  const { der } = decodeSinglePem(pem, what, ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]);
  // the library passes over what follows, and takes SHA-1
  const weakness = algorithmFault(readSigned(der, what).signatureAlgorithm);
  if (weakness !== undefined) {
    throw new FleetsecError("input", `${what} ${weakness}: it proves nothing of who holds the key`, {
      hint: "sign the request with SHA-256 or better: openssl req -new -sha256",
    });
  }
  const csr = parse(der, what);
  const key = publicKeyOf(new Uint8Array(csr.publicKey.rawData));
  const exponent = key.asymmetricKeyDetails?.publicExponent;
  if (exponent !== undefined && exponent < MIN_RSA_EXPONENT) {
    throw new FleetsecError("input", `${what}: an RSA key with the public exponent ${exponent}`, {
      hint: "make a new key",
    });
  }
  const spki = spkiOf(key);
  if (readPublicKey(spki).weakness === COMPRESSED) {
    throw new FleetsecError("input", `${what}: the key has ${COMPRESSED}`, {
      hint: "write it uncompressed and make the request anew: openssl ec -in KEY -conv_form uncompressed -out KEY",
    });
  }
  if (!(await isSigned(csr))) {
    throw new FleetsecError("input", `${what} is not signed by the key that it holds`, {
      hint: "make the request anew with the private key at hand",
    });
  }
  const { names, surplus } = alternativeNames(csr);
  const [commonName, ...others] = csr.subjectName.getField("CN");
  return {
    spki,
    commonName,
    names,
    surplus: [
      ...csr.subjectName
        .toJSON()
        .flatMap((rdn) => Object.entries(rdn))
        .filter(([type]) => type !== "CN")
        .map(([type, values]) => `subject ${type}=${values.join(", ")}`),
      ...others.map((value) => `subject CN=${value}`),
      ...surplus,
    ],
  };
}

function parse(der: Uint8Array, what: string): Pkcs10CertificateRequest {
  try {
    const csr = new Pkcs10CertificateRequest(der);
    // parsed when they are first looked at: whatever is malformed shows here
    void [csr.subjectName, csr.publicKey, csr.extensions];
    return csr;
  } catch (cause) {
    throw new FleetsecError("input", `${what} is no certificate signing request that can be read`, { cause });
  }
}

async function isSigned(csr: Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await csr.verify(crypto);
  } catch {
    // an algorithm that it does not know, or a signature that is none
    return false;
  }
}

const TYPES: Readonly<Record<string, string>> = { dns: "dns", ip: "ip", url: "uri" };

function alternativeNames(csr: Pkcs10CertificateRequest): Pick<ReadCsr, "names" | "surplus"> {
  const names: GeneralName[] = [];
  const surplus: string[] = [];
  for (const extension of csr.extensions) {
    if (!(extension instanceof SubjectAlternativeNameExtension)) {
      surplus.push(`extension ${extensionName(extension.type)}`);
      continue;
    }
    for (const { type, value } of extension.names.items) {
      const text = `${TYPES[type] ?? type}:${value}`;
      try {
        names.push(parseSan(text));
      } catch {
        surplus.push(text);
      }
    }
  }
  return { names, surplus };
}

function extensionName(id: string): string {
  return Object.entries(oids).find(([, dotted]) => dotted === id)?.[0] ?? id;
}
