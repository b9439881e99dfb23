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
  haproxy:
    "a bind line of its own for names that demand certificates, and no tls-ticket-keys in common with others; or http-request deny unless { ssl_c_used } { ssl_c_verify 0 }",
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

/** Header fields that speak of certificates are the gateway's to write. */
export const ignoreHeaders: Fix = {
  nginx:
    'proxy_set_header X-SSL-Client-Verify $ssl_client_verify; and "" for each such field that is not set',
  envoy: "forward_client_cert_details: SANITIZE_SET, and request_headers_to_remove for fields of other names",
  haproxy: "http-request del-header for each such field, before http-request set-header with ssl_c_verify",
  node: "decide by socket.authorized; read such fields only from a gateway that was itself authenticated",
  go: "decide by r.TLS.VerifiedChains; read such fields only from a gateway that was itself authenticated",
};

/** A gateway and the service behind it must read a path in the same way. */
export const normalizePaths: Fix = {
  nginx: "demand certificates in the server block (ssl_verify_client on), not by location; merge_slashes on",
  envoy:
    "normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: REJECT_REQUEST; demand certificates in the TLS context",
  haproxy:
    "verify required on the bind line, not by path; http-request normalize-uri before any acl on paths",
  node: "rejectUnauthorized: true for the server, not a check in one route",
  go: "RequireAndVerifyClientCert for the server; authorise on the path that the mux has cleaned",
};

/** One certificate policy for everything that answers on the port. */
export const matchAuthority: Fix = {
  nginx:
    "the same ssl_verify_client in every server block of the port, and a default_server that returns 421",
  envoy:
    "no virtual host with domains [*] on a listener that demands certificates; compare :authority with the SNI",
  haproxy: "http-request deny status 421 unless { ssl_fc_sni,strcmp(txn.host) eq 0 }",
  node: "compare the Host with socket.servername, and answer 421 where they differ",
  go: "compare r.Host with r.TLS.ServerName, and answer 421 where they differ",
};

/** Nothing may be upgraded past what reads the requests. */
export const dropUpgrade: Fix = {
  nginx: 'proxy_set_header Upgrade ""; and Connection ""; no listen … http2 without ssl',
  envoy:
    "no upgrade_configs for h2c, rbac in the filters of others too; no codec_type HTTP2 on a listener without TLS",
  haproxy: "http-request del-header Upgrade; no proto h2 on a bind line without ssl",
  node: "no http2.createServer() beside createSecureServer(); listeners for upgrade and connect must ask socket.authorized too",
  go: "no h2c.NewHandler, and Protocols without UnencryptedHTTP2; check before a WebSocket is upgraded too",
};

/** The check belongs to each request, or to the handshake. */
export const everyRequest: Fix = {
  nginx: "ssl_verify_client on; an auth_request or njs check must not keep its result for the connection",
  envoy: "require_client_certificate: true; ext_authz and rbac in the HTTP filter chain look at each request",
  haproxy: "verify required; http-request deny in place of tcp-request content rules, which look once",
  node: "ask socket.authorized in each request; no list of sockets that were let in",
  go: "check r.TLS in the handler, not in ConnState or ConnContext alone",
};
