import type { Fix } from "../attack.ts";

/** Certificates must be demanded, and verified against the clients' CA alone. */
export const verifyClients: Fix = {
  nginx: "ssl_verify_client on; ssl_client_certificate CA.pem; (not optional, not optional_no_ca)",
  envoy:
    "DownstreamTlsContext: require_client_certificate: true, and validation_context.trusted_ca in common_tls_context",
  haproxy: "bind … ssl crt … ca-file CA.pem verify required",
  node: "tls/https.createServer({ requestCert: true, rejectUnauthorized: true, ca })",
  go: "tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}",
};

/** The trust bundle holds more than the CA that issues to clients. */
export const narrowTrust: Fix = {
  nginx: "ssl_client_certificate must hold the clients' CA alone, never the system's bundle",
  envoy:
    "validation_context.trusted_ca: the clients' CA alone; match_typed_subject_alt_names for who may connect",
  haproxy: "ca-file with the clients' CA alone, not @system-ca",
  node: "ca: the clients' CA alone; leaving it out trusts every public CA",
  go: "ClientCAs: a new pool with the clients' CA, never x509.SystemCertPool()",
};

/** The certificate is from the right CA, but must not be used in this way or at this time. */
export const checkPurpose: Fix = {
  nginx:
    "nginx checks it where ssl_verify_client is on: look for error_page or if-blocks that let failures pass",
  envoy: "remove trust_chain_verification: ACCEPT_UNTRUSTED, and allow_expired_certificate",
  haproxy: "remove ca-ignore-err, crt-ignore-err and verify optional from the bind line",
  node: "rejectUnauthorized: true; an own check must demand socket.authorized === true",
  go: "ClientAuth: tls.RequireAndVerifyClientCert; an own VerifyPeerCertificate must set KeyUsages: ExtKeyUsageClientAuth",
};

/** Old or missing encryption. */
export const modernTls: Fix = {
  nginx: "listen … ssl; ssl_protocols TLSv1.2 TLSv1.3;",
  envoy: "tls_params: tls_minimum_protocol_version: TLSv1_2; no filter chain without a transport_socket",
  haproxy: "bind … ssl … ssl-min-ver TLSv1.2",
  node: "https.createServer({ minVersion: 'TLSv1.2' }); no http.createServer on the same port",
  go: "tls.Config{MinVersion: tls.VersionTLS12}, and ListenAndServeTLS only",
};
