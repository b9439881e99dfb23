import { bitString, constructed, integer, oid, sequence, setOf } from "./der/write.ts";
import { subjectAltName } from "./extensions.ts";
import type { GeneralName } from "./general-name.ts";
import { defaultHash, type Signer } from "./keys.ts";
import { encodeName } from "./name.ts";
import { oids } from "./oids.ts";
import { encodePem } from "./pem.ts";
import { signatureAlgorithm } from "./signature-algorithm.ts";

export interface CsrSpec {
  readonly commonName: string;
  readonly names: readonly GeneralName[];
}

/** Builds a PKCS #10 request (RFC 2986), signed by the key wherever it is kept, as PEM. */
export async function buildCsr({ commonName, names }: CsrSpec, signer: Signer): Promise<string> {
  const hash = defaultHash(signer.keyType);
  const requested = sequence(oid(oids.extensionRequest), setOf(sequence(subjectAltName(names))));
  const info = sequence(
    VERSION_1,
    encodeName([{ type: "CN", value: commonName }]),
    signer.spki,
    constructed(0, requested),
  );
  const signature = bitString(await signer.sign(info, hash));
  const der = sequence(info, signatureAlgorithm(signer.keyType, hash), signature);
  return encodePem("CERTIFICATE REQUEST", der);
}

const VERSION_1 = integer(0);
