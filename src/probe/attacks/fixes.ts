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

/** Sessions must not be taken over between listeners, nor given to whom was not verified. */
export const noBorrowedSessions: Fix = {
  nginx:
    "a ssl_session_cache and ssl_session_ticket_key of its own for each server block that demands certificates; nginx 1.27.4 or later",
  envoy:
    "no session_ticket_keys in common with a listener that demands no certificate; disable_stateless_session_resumption and disable_stateful_session_resumption where that cannot be",
  haproxy: "no tls-ticket-keys in common with a bind line that demands no certificate; no-tls-tickets",
  node: "rejectUnauthorized: true, and ticketKeys of its own; where authorized is asked: also demand getPeerCertificate().raw",
  go: "no SetSessionTicketKeys in common with another config; update Go; ask ConnectionState().VerifiedChains",
};

/** Certificates must be demanded whatever name the client asks for. */
export const everyName: Fix = {
  nginx:
    "ssl_verify_client on; in the default server of the port too; ssl_reject_handshake on; for unknown names",
  envoy: "require_client_certificate: true in every filter chain of the listener, the default one included",
  haproxy: "verify required on the bind line, not in a crt-list for some names; strict-sni",
  node: "requestCert and rejectUnauthorized in createServer itself; SNICallback and addContext change neither",
  go: "tls.Config.GetConfigForClient must return a config with RequireAndVerifyClientCert for every name",
};

/** Algorithms that were given up. */
export const strongSuites: Fix = {
  nginx: "ssl_ciphers HIGH:!aNULL:!eNULL:!kRSA:!PSK@SECLEVEL=2;",
  envoy: "tls_params.cipher_suites: its defaults; no list of your own",
  haproxy: "ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20@SECLEVEL=2",
  node: "ciphers: its defaults with :@SECLEVEL=2; no pskCallback",
  go: "tls.Config.CipherSuites: nil, for its defaults; no GODEBUG that brings old ones back",
};
