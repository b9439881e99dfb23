import { oids } from "../../oids.ts";
import type { Certificate } from "../certificate.ts";
import type { Purpose } from "../request.ts";
import type { Fault, Step } from "./step.ts";

const KEY_PURPOSE = { server: oids.serverAuth, client: oids.clientAuth } as const;

/** Of the extension that came before extended key usage; OpenSSL still holds certificates to it. */
const NETSCAPE_BIT = { client: 0, server: 1 } as const;

/**
 * Sections 4.2.1.3 and 4.2.1.12. A CA's extended key usage limits what it may issue for, as practice
 * has it (RFC 5280 is silent). "Any purpose" does not suffice: a certificate for everything is not
 * meant for this, and gateways on OpenSSL refuse it.
 */
export function* checkPurpose({ certificate, isEnd, request }: Step): Iterable<Fault> {
  const { purpose } = request;
  if (purpose === undefined) return;
  const { extendedKeyUsage } = certificate;
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.includes(KEY_PURPOSE[purpose])) {
    yield {
      code: "extended-key-usage",
      message: `is not meant for TLS ${purpose}s by its extended key usage`,
    };
  }
  const type = certificate.netscapeCertType;
  if (isEnd && type !== undefined && !type.includes(NETSCAPE_BIT[purpose])) {
    yield {
      code: "extended-key-usage",
      message: `is not meant for TLS ${purpose}s by its Netscape certificate type`,
    };
  }
  if (isEnd && !keyServes(certificate, purpose)) {
    yield { code: "key-usage", message: `is not meant for TLS ${purpose}s by its key usage` };
  }
}

/** Both sides sign in TLS (RFC 8446 section 4.4.2.2); a server of TLS 1.2 may instead decrypt. */
function keyServes({ keyUsage }: Certificate, purpose: Purpose): boolean {
  if (keyUsage === undefined || keyUsage.includes("digitalSignature")) return true;
  return purpose === "server" && keyUsage.includes("keyEncipherment");
}
