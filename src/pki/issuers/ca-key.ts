import { FleetsecError } from "../../errors.ts";
import { publicKeyOf } from "../keys.ts";
import type { Certificate } from "../verify/certificate.ts";
import { anchorsOf, type Issuer } from "./issuer.ts";

/**
 * The key of a CA is no certificate's: a server that holds it could issue, and what it signs for its
 * peers could be taken for a certificate or a CRL.
 * @param spki DER SubjectPublicKeyInfo, of what is to be certified
 * @throws FleetsecError `refused`
 */
export function refuseCaKey(spki: Uint8Array, issuer: Issuer): void {
  const issuing = issuer.kind === "local" ? issuer.trusted.map((ca) => ca.issuing) : [];
  if (!isKeyOfAny(spki, [...anchorsOf(issuer), ...issuing])) return;
  throw new FleetsecError("refused", "the key is that of a CA", {
    hint: "a certificate has a key of its own: name another, or make a new one",
  });
}

/** Keys are compared as numbers: the same one can be encoded in several ways. */
export function isKeyOfAny(spki: Uint8Array, cas: readonly Certificate[]): boolean {
  const key = publicKeyOf(spki);
  // Node leaves an error behind where it compares keys of two types, and blames the next key that it reads
  return cas
    .map((ca) => publicKeyOf(ca.spki))
    .some((own) => own.asymmetricKeyType === key.asymmetricKeyType && own.equals(key));
}
