import { randomBytes } from "node:crypto";
import { buildCertificate, randomSerial } from "../../../src/pki/certificate.ts";
import { constructed, oid, primitive, sequence, utf8String } from "../../../src/pki/der/write.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  type ExtensionDer,
  keyIdentifier,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from "../../../src/pki/extensions.ts";
import type { GeneralName } from "../../../src/pki/general-name.ts";
import { type AnyKeyType, generateKey, keySigner, type Signer } from "../../../src/pki/keys.ts";
import { encodeName, type NameDer } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { encodePem } from "../../../src/pki/pem.ts";
import { parseCertificate } from "../../../src/pki/verify/certificate.ts";

const HOUR = 3_600_000;

export interface TestCa {
  readonly pem: string;
  readonly keyPem: string;
  readonly der: Uint8Array;
  readonly name: NameDer;
  readonly signer: Signer;
}

export interface TestLeaf {
  /** Leaf and chain, PEM. */
  readonly pem: string;
  readonly keyPem: string;
  readonly der: Uint8Array;
}

/** A root CA, or one below `parent`. */
export async function testCa(
  commonName: string,
  parent?: TestCa,
  type: AnyKeyType = "p256",
): Promise<TestCa> {
  const { privateKey } = await generateKey(type);
  const signer = keySigner(privateKey);
  const name = encodeName([{ type: "CN", value: commonName }]);
  const keyId = keyIdentifier(signer.spki);
  const der = await buildCertificate(
    {
      serial: randomSerial(randomBytes),
      issuer: parent?.name ?? name,
      subject: name,
      notBefore: Date.now() - HOUR,
      notAfter: Date.now() + 24 * HOUR,
      spki: signer.spki,
      extensions: [
        basicConstraints({ ca: true }),
        keyUsage(["keyCertSign", "cRLSign"]),
        subjectKeyIdentifier(keyId),
        authorityKeyIdentifier(keyIdentifier(parent?.signer.spki ?? signer.spki)),
      ],
    },
    parent?.signer ?? signer,
  );
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { pem: encodePem("CERTIFICATE", der), keyPem, der, name, signer };
}

export interface LeafOptions {
  readonly commonName: string;
  readonly purpose: "client" | "server";
  readonly names?: readonly GeneralName[];
  readonly keyType?: AnyKeyType;
  /** Sent after the leaf. */
  readonly chain?: readonly TestCa[];
  /** In place of the usual ones. @param keyId of its key */
  readonly extensions?: (keyId: Uint8Array) => readonly ExtensionDer[];
  /** Milliseconds since the epoch; an hour each way unless told. */
  readonly validity?: readonly [from: number, to: number];
}

export async function testLeaf(ca: TestCa, options: LeafOptions): Promise<TestLeaf> {
  const { privateKey } = await generateKey(options.keyType ?? "p256");
  const { spki } = keySigner(privateKey);
  const defaultNames: GeneralName[] = [
    {
      type: "dns",
      value: options.purpose === "server" ? "localhost" : `${options.commonName}.fleet.internal`,
    },
    ...(options.purpose === "server" ? [{ type: "ip" as const, value: "127.0.0.1" }] : []),
  ];
  const [notBefore, notAfter] = options.validity ?? [Date.now() - HOUR, Date.now() + HOUR];
  const der = await buildCertificate(
    {
      serial: randomSerial(randomBytes),
      issuer: ca.name,
      subject: encodeName([{ type: "CN", value: options.commonName }]),
      notBefore,
      notAfter,
      spki,
      extensions: options.extensions?.(keyIdentifier(spki)) ?? [
        basicConstraints({ ca: false }),
        keyUsage(["digitalSignature"]),
        extendedKeyUsage([options.purpose === "server" ? oids.serverAuth : oids.clientAuth]),
        subjectAltName(options.names ?? defaultNames),
        subjectKeyIdentifier(keyIdentifier(spki)),
        authorityKeyIdentifier(keyIdentifier(ca.signer.spki)),
      ],
    },
    ca.signer,
  );
  const chain = (options.chain ?? []).map(({ pem }) => pem);
  return {
    pem: [encodePem("CERTIFICATE", der), ...chain].join(""),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    der,
  };
}

/** What a service may know its clients by: a role of its own in an extension. */
const ROLE = "1.3.6.1.4.1.32473.1";
export const ROLE_TEXT = "role=admin";

/**
 * A client's certificate that says more than most: its issuer by name and serial number too, a policy, a second
 * purpose, an extension of nobody else's, and a period of its own.
 * @param root that issued the CA; @param options whether the extension is critical, and days of its life each way
 */
export function richClient(ca: TestCa, root: TestCa, { critical = false, days = 3 } = {}): Promise<TestLeaf> {
  const { serial } = parseCertificate(ca.der, "test CA");
  const issuer = constructed(1, constructed(4, root.name));
  const keyId = primitive(0, keyIdentifier(ca.signer.spki));
  const authority = sequence(keyId, issuer, primitive(2, Buffer.from(serial, "hex")));
  return testLeaf(ca, {
    commonName: "client",
    purpose: "client",
    chain: [ca],
    validity: [Date.now() - 24 * days * HOUR, Date.now() + 24 * days * HOUR],
    extensions: (ownKeyId) => [
      extension(oids.authorityKeyIdentifier, false, authority),
      extension(ROLE, critical, utf8String(ROLE_TEXT)),
      keyUsage(["digitalSignature", "keyAgreement"], false),
      subjectKeyIdentifier(ownKeyId),
      extendedKeyUsage([oids.clientAuth, "1.3.6.1.4.1.32473.2"], true),
      extension(oids.certificatePolicies, false, sequence(sequence(oid("1.3.6.1.4.1.32473.3")))),
      subjectAltName([{ type: "uri", value: "spiffe://fleet.internal/client" }]),
    ],
  });
}
