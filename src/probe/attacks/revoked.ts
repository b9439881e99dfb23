import { suppliedOnly } from "./supplied-only.ts";

export const revoked = suppliedOnly({
  id: "revoked",
  title: "a revoked certificate",
  reference: "RFC 5280 section 6.3",
  meaning: "revocation has no effect: a stolen key works until its certificate ends",
  fix: {
    nginx: "ssl_crl CRLS.pem; with a CRL of every CA in the chain, and a reload when it changes",
    envoy: "validation_context.crl, with a CRL of every CA in the chain or only_verify_leaf_cert_crl: true",
    haproxy: "bind … crl-file CRLS.pem, with a CRL of every CA in the chain",
    node: "createServer({ crl }), and server.setSecureContext() when it changes",
    go: "tls.Config.VerifyPeerCertificate that looks into the CRL: crypto/tls does not",
  },
  weight: "required",
  needs: "a certificate that is revoked",
});
