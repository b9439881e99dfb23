import { randomBytes } from "node:crypto";
import { buildCertificate, randomSerial } from "../../../src/pki/certificate.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
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
  const der = await buildCertificate(
    {
      serial: randomSerial(randomBytes),
      issuer: ca.name,
      subject: encodeName([{ type: "CN", value: options.commonName }]),
      notBefore: Date.now() - HOUR,
      notAfter: Date.now() + HOUR,
      spki,
      extensions: [
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
