import { derReader, elementsOf, readSingle, tags } from "../../pki/der/read.ts";
import { oidOf } from "../../pki/der/values.ts";
import {
  basicConstraints,
  extendedKeyUsage,
  type ExtensionDer,
  keyUsage,
  subjectAltName,
} from "../../pki/extensions.ts";
import { encodeName, type NameDer } from "../../pki/name.ts";
import { oids } from "../../pki/oids.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";

/** Whom certificates are issued to: all that a valid client's says, and that anyone can copy. */
export interface Claims {
  readonly subject: NameDer;
  /** Big-endian; some services know clients by it. Undefined where there is none to copy. */
  readonly serial: Uint8Array | undefined;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** As they stand, those that tell of keys too. */
  readonly extensions: readonly Claim[];
  /** The subject key identifier: a claim as any other. */
  readonly keyId: Uint8Array | undefined;
  /** How it names its issuer's key. */
  readonly authorityKeyId: Certificate["authorityKeyId"];
}

export interface Claim {
  readonly oid: string;
  readonly der: ExtensionDer;
}

const HOUR = 3_600_000;

/** Those of a valid client. @throws FleetsecError `input` for extensions that no TLS library reads either */
export function claimsOf(client: Certificate): Claims {
  const { subject, serial, notBefore, notAfter, extensionList, subjectKeyId, authorityKeyId } = client;
  return {
    subject: subject.der,
    // a negative one, which is faulty, has a minus
    serial: serial.startsWith("-") ? undefined : hexOf(serial),
    notBefore,
    notAfter,
    extensions: extensionList === undefined ? [] : claimsIn(extensionList),
    keyId: subjectKeyId === undefined ? undefined : hexOf(subjectKeyId),
    authorityKeyId,
  };
}

/** Those of nobody in particular, for two hours. @param now in milliseconds since the epoch */
export function claimsOfNobody(now: number): Claims {
  return {
    subject: encodeName([{ type: "CN", value: "fleetsec-probe" }]),
    serial: undefined,
    notBefore: now - HOUR,
    notAfter: now + HOUR,
    extensions: [
      { oid: oids.basicConstraints, der: basicConstraints({ ca: false }) },
      { oid: oids.keyUsage, der: keyUsage(["digitalSignature"]) },
      { oid: oids.extKeyUsage, der: extendedKeyUsage([oids.clientAuth]) },
      { oid: oids.subjectAltName, der: subjectAltName([{ type: "dns", value: "fleetsec-probe" }]) },
    ],
    keyId: undefined,
    authorityKeyId: undefined,
  };
}

const WHAT = "extensions of the valid client's certificate";

/** Whatever stands in an extension, and whether it is right: servers that take it from the client take it from others. */
function claimsIn(list: Uint8Array): Claim[] {
  return [...elementsOf(readSingle(list, tags.sequence, WHAT).contents, WHAT)].map(({ contents, raw }) => ({
    oid: oidOf(derReader(contents, WHAT).next(tags.oid), WHAT),
    der: raw,
  }));
}

const hexOf = (text: string): Uint8Array => Buffer.from(text, "hex");
