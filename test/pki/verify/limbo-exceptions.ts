/** The cases of x509-limbo on which `cert verify` differs, each with the reason; docs/x509-limbo.md shows them. */
export const exceptions: Readonly<Record<string, string>> = {
  "rfc5280::nc::permitted-dn-match":
    "Its verdict is on the path alone, and yet it asks for the DNS name `example.com`, which its certificate does not carry: the only names there are `CN=foo`, as the subject and as a directoryName. RFC 9525 section 6.3 demands a match; path validation (RFC 5280 section 6.1.1) takes no name. Asked without one, the verdict is the expected one, which the test demands.",
  "webpki::aki::root-with-aki-missing-keyidentifier":
    "A rule for public roots. A self-signed certificate need not name its issuer's key (RFC 5280 section 4.2.1.1).",
  "webpki::eku::ee-anyeku":
    "A rule for public certificates. The case demands `serverAuth`, which the certificate has beside `anyExtendedKeyUsage`.",
  "webpki::eku::ee-critical-eku":
    "A rule for public certificates. RFC 5280 section 4.2.1.12 allows a critical extended key usage.",
  "webpki::eku::ee-without-eku":
    "A rule for public certificates, the opposite of `rfc5280::eku::ee-without-eku`.",
  "webpki::eku::root-has-eku":
    "A rule for public roots. Here an extended key usage of a root limits what is below it.",
  "webpki::nc::permitted-dns-match-noncritical":
    "An exemption for public CAs, the opposite of `rfc5280::nc::permitted-dns-match-noncritical`.",
  "webpki::san::san-critical-with-nonempty-subject":
    "A rule for public certificates. RFC 5280 section 4.2.1.6 only advises against it.",
  "webpki::ee-basicconstraints-ca":
    "A rule for public certificates. RFC 5280 section 6.1 lets a path end with a CA.",
};
