import { randomBytes } from "node:crypto";
import { buildCertificate, randomSerial } from "../../src/pki/certificate.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyIdentifier,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from "../../src/pki/extensions.ts";
import type { GeneralName } from "../../src/pki/general-name.ts";
import { type AnyKeyType, generateKey, keySigner, type Signer, spkiOf } from "../../src/pki/keys.ts";
import { privateKeyPem } from "../../src/pki/key-file.ts";
import { type Attribute, encodeName, type NameDer } from "../../src/pki/name.ts";
import { oids } from "../../src/pki/oids.ts";
import { encodePem } from "../../src/pki/pem.ts";

/** A CA of a test's own: its certificate, which signs itself unless told, and its key in memory. */
export interface TestAuthority {
  readonly certificate: string;
  readonly name: NameDer;
  readonly signer: Signer;
}

export interface TestLeaf {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  readonly subject?: readonly Attribute[];
  readonly names?: readonly GeneralName[];
  readonly usage?: "client" | "server";
  readonly keyType?: AnyKeyType;
  /** Milliseconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter?: number;
}

const HOUR = 3_600_000;

export interface AuthorityOptions {
  /** Milliseconds since the epoch; two days from now unless told. */
  readonly notAfter?: number;
  /** Who signs it; it signs itself unless told. */
  readonly issuer?: TestAuthority;
}

export async function testAuthority(
  commonName = "test CA",
  { notAfter = Date.now() + 48 * HOUR, issuer }: AuthorityOptions = {},
): Promise<TestAuthority> {
  const { privateKey, publicKey } = await generateKey("p256");
  const [signer, spki, name] = [
    keySigner(privateKey),
    spkiOf(publicKey),
    encodeName([{ type: "CN", value: commonName }]),
  ];
  const der = await buildCertificate(
    {
      serial: randomSerial(randomBytes),
      issuer: issuer?.name ?? name,
      subject: name,
      notBefore: Date.now() - HOUR,
      notAfter,
      spki,
      extensions: [
        basicConstraints({ ca: true }),
        keyUsage(["keyCertSign", "cRLSign"]),
        subjectKeyIdentifier(keyIdentifier(spki)),
        ...(issuer === undefined ? [] : [authorityKeyIdentifier(keyIdentifier(issuer.signer.spki))]),
      ],
    },
    issuer?.signer ?? signer,
  );
  return { certificate: encodePem("CERTIFICATE", der), name, signer };
}

export async function testLeaf(authority: TestAuthority, options: LeafOptions = {}): Promise<TestLeaf> {
  const { privateKey, publicKey } = await generateKey(options.keyType ?? "p256");
  const spki = spkiOf(publicKey);
  const server = options.usage === "server";
  const der = await buildCertificate(
    {
      serial: randomSerial(randomBytes),
      issuer: authority.name,
      subject: encodeName(options.subject ?? [{ type: "CN", value: server ? "localhost" : "client" }]),
      notBefore: options.notBefore ?? Date.now() - HOUR,
      notAfter: options.notAfter ?? Date.now() + HOUR,
      spki,
      extensions: [
        basicConstraints({ ca: false }),
        keyUsage(["digitalSignature"]),
        extendedKeyUsage([server ? oids.serverAuth : oids.clientAuth]),
        subjectAltName(
          options.names ?? [
            { type: "dns", value: server ? "localhost" : "client.test" },
            ...(server ? [{ type: "ip", value: "127.0.0.1" } as const] : []),
          ],
        ),
        subjectKeyIdentifier(keyIdentifier(spki)),
        authorityKeyIdentifier(keyIdentifier(authority.signer.spki)),
      ],
    },
    authority.signer,
  );
  return { cert: encodePem("CERTIFICATE", der), key: privateKeyPem(privateKey) };
}
