const NOT_CONFORMING = "RFC 5280 forbids CAs to issue it; a verifier need not care.";

const AUTHORITY_KEY =
  "Section 4.2.1.1 has it as a help in building paths. Whom it does not name is no issuer for OpenSSL, nor, by the key, for GnuTLS.";

const ROOT_KEY =
  "RFC 5280 section 6.1 does not look at the anchor's certificate. For OpenSSL a root that names another issuer than itself is none.";

const ISSUER_NAME = "RFC 5280 section 6.1 has nothing be done with it. OpenSSL and Go do not know it.";

const COMMON_NAME =
  "OpenSSL takes a common name for a host's where there is no DNS name, and leaves out a NUL at its end. Go ignores it, and GnuTLS refuses one with a NUL.";

/** Why the verdicts on a path differ, by what is unusual about it; docs/verify-agreement.md shows them. */
export const explanations: Readonly<Record<string, string>> = {
  "leaf is for any purpose":
    "RFC 5280 section 4.2.1.12 lets an application demand its own purpose. A certificate for everything is not meant for this.",
  "issuing CA is for any purpose": "As for a leaf. How a CA's extended key usage counts is left to practice.",
  "leaf's key usage is keyEncipherment":
    "A TLS client signs (RFC 8446 section 4.4.2.2). Go and GnuTLS leave key usage to the handshake.",
  "leaf's key usage is keyAgreement":
    "A TLS client signs. OpenSSL still allows for the fixed Diffie-Hellman of TLS 1.2.",
  "root is for servers": "GnuTLS takes a trusted root for every purpose.",
  "issuing CA's basicConstraints not critical":
    "Section 4.2.1.9 demands it critical. Go and GnuTLS do not look.",
  "issuing CA without key usage": "Section 4.2.1.3 demands it in a CA. Go and GnuTLS do not look.",
  "wildcard stands for an excluded name":
    "`*.fleet.internal` can be used for `secret.fleet.internal`, which is excluded. Go refuses it since CVE-2025-61727.",
  "URI host not permitted": "GnuTLS does not apply name constraints to URIs.",
  "URI with a user before the permitted host":
    "Whose host it is, they do not agree: for OpenSSL the user belongs to it. GnuTLS does not apply name constraints to URIs.",
  "URI with a dot after the permitted host":
    "For OpenSSL the dot belongs to the host. GnuTLS does not apply name constraints to URIs.",
  "URI with a colon in its path":
    "For OpenSSL all before the first colon is the host. A SPIFFE ID has no colon in its path.",
  "URI with a query after the permitted host": "For OpenSSL the query belongs to the host.",
  "mailbox in the subject as a UTF8String, below any name constraint":
    "RFC 5280, appendix A, has an IA5String there. Go and GnuTLS look at it where mailboxes are constrained, if at all.",
  "common name of a host that is not permitted, with a NUL after it": COMMON_NAME,
  "common name of a host that is permitted, with a NUL after it": COMMON_NAME,
  "common name of a host that is permitted, after a NUL": COMMON_NAME,
  "directory name not permitted": "GnuTLS does not apply name constraints to directory names.",
  "name constraints not critical":
    "Section 4.2.1.10 demands them critical, so that no verifier passes over them.",
  "name constraints in the leaf": NOT_CONFORMING,
  "name constraint with a leading dot":
    "Section 4.2.1.10 defines the dot for mailboxes and URIs only. A limit must not be guessed.",
  "leaf signed with SHA-1": "SHA-1 is broken. OpenSSL leaves it to its security level.",
  "issuing CA signed with SHA-1": "SHA-1 is broken. OpenSSL leaves it to its security level.",
  "leaf with RSA-1024":
    "RSA below 2048 bits is too weak. The others leave it to security levels and profiles.",
  "leaf with a key on secp256k1": "A curve that TLS does not use.",
  "policyConstraints in the issuing CA":
    "OpenSSL processes policies; here, as in Go, they are not processed and the critical extension refuses.",
  "leaf without authority key identifier": "Section 4.2.1.1 demands it. Go and GnuTLS do not look.",
  "authority key identifier of another key": AUTHORITY_KEY,
  "authority key identifier of another key, in the issuing CA": AUTHORITY_KEY,
  "authority key identifier with another serial number": AUTHORITY_KEY,
  "authority key identifier with another issuer": AUTHORITY_KEY,
  "root's authority key identifier with another serial number": ROOT_KEY,
  "root's authority key identifier with another issuer": ROOT_KEY,
  "root's authority key identifier of another key": ROOT_KEY,
  "issuer's alternative name, critical, in the leaf": ISSUER_NAME,
  "issuer's alternative name, critical, in the issuing CA": ISSUER_NAME,
  "proxy certificate, not critical": "OpenSSL takes it for one of RFC 3820, which is no leaf of a CA.",
  "RFC 3779 resources that the issuing CA does not have, not critical":
    "OpenSSL holds them to those of the CA. Here any resources refuse, for they are not compared.",
  "Netscape certificate type for servers":
    "Older than extended key usage. OpenSSL still holds certificates to it.",
  "issuing CA without subject key identifier": "Section 4.2.1.2 demands it. Go and GnuTLS do not look.",
  "subject key identifier critical": "Section 4.2.1.2 forbids it. GnuTLS does not look.",
  "CRL distribution point critical":
    "Critical means that the certificate is not to be used without that CRL, and none is fetched here.",
  "serial number negative": NOT_CONFORMING,
  "serial number 0": NOT_CONFORMING,
  "serial number of 21 octets": NOT_CONFORMING,
  "extensions in version 1": "Section 4.1.2.1 allows extensions in version 3 only. Go does not look.",
  "no subject and no alternative name":
    "Section 4.1.2.6: a certificate names somebody. Go and GnuTLS do not look.",
  "no subject and alternative name not critical":
    "Section 4.1.2.6 demands it critical then. Go and GnuTLS do not look.",
  "leaf may sign certificates but is no CA":
    "Section 4.2.1.9 forbids the combination. Go and GnuTLS do not look.",
  "DNS name with an empty label":
    "No DNS name by RFC 1034. The others judge a name only when they are asked for one.",
  "DNS name with an underscore":
    "No host name by RFC 1123. The others judge a name only when they are asked for one.",
  "issuer's name in another string type":
    "Section 7.1 compares text, not encodings. Go compares encodings, so do not rely on it.",
  "issuer's name in another case":
    "Section 7.1 ignores case. Go and GnuTLS compare encodings, so do not rely on it.",
  "default value written out": "Not DER (X.690 section 11.5), which a certificate must be.",
};
