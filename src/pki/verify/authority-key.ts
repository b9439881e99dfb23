import type { Certificate } from "./certificate.ts";
import type { Name } from "./name.ts";

/** RFC 5280 section 4.2.1.1. A field is undefined where it is absent. */
export interface AuthorityKeyId {
  /** In hexadecimal. */
  readonly keyId: string | undefined;
  /** The name of who issued the issuer's certificate: the first directory name. */
  readonly issuer: Name | undefined;
  readonly serial: string | undefined;
}

/**
 * In what an authority key identifier names another certificate than the issuer's. Section 4.2.1.1 has it as
 * a help in building paths; OpenSSL, and so most gateways, takes whom it does not name for no issuer.
 * @returns said of what has it; undefined where nothing contradicts
 */
export function authorityKeyFault(named: AuthorityKeyId | undefined, ca: Certificate): string | undefined {
  const { keyId, issuer, serial } = named ?? {};
  const isOther = (one: string | undefined, own: string | undefined) =>
    one !== undefined && own !== undefined && one !== own;
  if (isOther(keyId, ca.subjectKeyId)) return "names another key than its issuer's";
  if (isOther(serial, ca.serial) || isOther(issuer?.key, ca.issuer.key))
    return "names another certificate than its issuer's";
  return undefined;
}
