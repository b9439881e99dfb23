import type { Fix } from "../attack.ts";
import { attack, type WireAttack } from "./attack.ts";
import type { WireAttempt } from "./attempt.ts";
import {
  certificateVerify,
  emptyCertificate,
  finished,
  keyExchange,
  newKeys,
  ownCertificate,
  type Proof,
  type Script,
} from "./script.ts";

const noEarlyData: Fix = {
  nginx: "ssl_early_data off;",
  envoy: "do not accept early data: remove it from the QUIC and TLS settings of the listener",
  haproxy: "remove allow-0rtt from the bind line",
  node: "node takes no 0-RTT data; look for a proxy before it that does",
  go: "crypto/tls takes no 0-RTT data; in quic-go set Allow0RTT: false",
};

const authenticateAtOnce: Fix = {
  nginx: "ssl_verify_client on; for the whole server, not by location",
  envoy: "require_client_certificate: true; BoringSSL does not renegotiate as a server",
  haproxy: "bind … verify required; the client is asked in the first handshake",
  node: "requestCert: true, rejectUnauthorized: true; never socket.renegotiate()",
  go: "ClientAuth: tls.RequireAndVerifyClientCert; crypto/tls does not renegotiate as a server",
};

const valid = (flight: Script["flight"], kind = ""): WireAttempt => ({
  kind,
  presents: "valid",
  script: flight === undefined ? {} : { flight },
});

/** A valid client's flight, but for its proof. */
const proving = (proof: Proof, kind = ""): WireAttempt =>
  valid([ownCertificate, keyExchange, certificateVerify(proof), finished], kind);

const withoutProof = [emptyCertificate, keyExchange, finished];

/** By a key that is not the certificate's. */
const byImpostor = certificateVerify({ by: "impostor" });

/** Attacks that need the raw client, in the order of reports. */
export const wireAttacks: readonly WireAttack[] = [
  attack({
    id: "skip-certificate",
    title: "no Certificate message at all",
    reference: "RFC 8446 section 4.4.2, CVE-2022-25640",
    meaning: "the server goes on without the certificate that it asked for",
    attempts: [{ kind: "", presents: "nothing", script: { flight: [keyExchange, finished] } }],
  }),
  attack({
    id: "skip-certificate-verify",
    title: "a valid client's certificate without CertificateVerify",
    reference: "RFC 8446 section 4.4.3, CVE-2014-6593",
    meaning: "nobody proves that the certificate is theirs, and certificates are public",
    attempts: [valid([ownCertificate, keyExchange, finished])],
  }),
  attack({
    id: "certificate-verify-only",
    title: "CertificateVerify without a Certificate",
    reference: "RFC 8446 section 4.4.3",
    meaning: "the server takes a proof without knowing of whom",
    attempts: [valid([keyExchange, certificateVerify(), finished])],
  }),
  attack({
    id: "empty-certificate-with-verify",
    title: "an empty Certificate and a CertificateVerify",
    reference: "RFC 8446 section 4.4.3",
    meaning: "the server takes a proof without knowing of whom",
    attempts: [valid([emptyCertificate, keyExchange, certificateVerify(), finished])],
  }),
  attack({
    id: "stolen-certificate",
    title: "a valid client's certificate, signed for with another key",
    reference: "RFC 8446 section 4.4.3",
    meaning: "whoever has seen a client's certificate can be that client",
    attempts: [proving({ by: "impostor" })],
  }),
  attack({
    id: "bad-verify",
    title: "a valid client's certificate with a signature that is none",
    reference: "RFC 8446 section 4.4.3, CVE-2022-21449",
    meaning: "signatures are not, or not properly, checked",
    attempts: [
      proving({ signature: "bit-flip" }, "one bit changed"),
      proving({ signature: "zeros" }, "zeros"),
      proving({ signature: "empty" }, "empty"),
      proving({ signature: "zero-r-s" }, "r = s = 0"),
    ],
  }),
  attack({
    id: "verify-algorithm-mismatch",
    title: "signed with another kind of key than the certificate's",
    reference: "RFC 8446 section 4.4.3, CVE-2022-25638",
    meaning: "the signature is checked with a key that is not the certificate's",
    attempts: [proving({ scheme: "other-kind" })],
  }),
  attack({
    id: "verify-replayed",
    title: "a valid client's signature over another handshake",
    reference: "RFC 8446 section 4.4.3",
    meaning: "a signature that was once seen is good for ever",
    attempts: [proving({ over: "another-handshake" })],
  }),
  attack({
    id: "verify-wrong-context",
    title: "signed as a server would sign",
    reference: "RFC 8446 section 4.4.3",
    meaning: "a server's signature passes as a client's: the two can be reflected",
    versions: ["1.3"],
    attempts: [proving({ over: "server-context" })],
  }),
  attack({
    id: "two-certificates",
    title: "two Certificate messages",
    reference: "RFC 8446 section 4.4.2",
    meaning: "a second certificate is believed without proof that the client has its key",
    // a valid client that sends its own twice is one all the same: Erlang/OTP does not mind
    attempts: [valid([ownCertificate, ownCertificate, keyExchange, byImpostor, finished])],
  }),
  attack({
    id: "empty-then-real",
    title: "an empty Certificate, then a valid client's",
    reference: "RFC 8446 section 4.4.2",
    meaning: "a second certificate is believed without proof that the client has its key",
    attempts: [valid([emptyCertificate, ownCertificate, keyExchange, byImpostor, finished])],
  }),
  attack({
    id: "bad-finished",
    title: "a wrong Finished",
    reference: "RFC 8446 section 4.4.4",
    meaning: "nothing binds the connection to the handshake that authenticated it",
    attempts: [
      valid([ownCertificate, keyExchange, certificateVerify(), { send: "finished", verifyData: "wrong" }]),
    ],
  }),
  attack({
    id: "data-before-finished",
    title: "a request before Finished",
    reference: "RFC 8446 section 4.4.4, CVE-2020-24613",
    meaning: "requests are served before the handshake has come to its end",
    speaks: true,
    attempts: [
      { kind: "without a certificate", presents: "nothing", script: { flight: [keyExchange, newKeys] } },
      valid([ownCertificate, keyExchange, certificateVerify()], "under the handshake's keys"),
      valid([ownCertificate, keyExchange, certificateVerify(), newKeys], "under the new keys"),
    ],
  }),
  attack({
    id: "listen-only",
    title: "nothing after the server's first flight",
    reference: "RFC 8446 section 4.4.4",
    meaning: "the server speaks to a client that has not shown who it is",
    silenceRefuses: true,
    attempts: [{ kind: "", presents: "nothing", script: { flight: [], silent: true } }],
  }),
  attack({
    id: "early-data",
    title: "a 0-RTT request without a certificate",
    reference: "RFC 8446 section 8, appendix E.5",
    meaning: "early data is served to clients that never had a certificate",
    fix: noEarlyData,
    versions: ["1.3"],
    decides: "early-data",
    attempts: [
      {
        kind: "and nothing after it",
        presents: "nothing",
        script: { earlyData: true, holdsBack: true },
      },
      { kind: "and then Finished", presents: "nothing", script: { earlyData: true } },
    ],
  }),
  attack({
    id: "renegotiation",
    title: "a valid client that renegotiates without its certificate",
    reference: "RFC 5746, CVE-2009-3555",
    meaning: "a renegotiated handshake without a certificate keeps the rights of the first",
    fix: authenticateAtOnce,
    // whoever gets so far has shown a valid certificate
    weight: "reported",
    versions: ["1.2"],
    decides: "later-flight",
    attempts: [{ kind: "", presents: "valid", script: { renegotiates: true, later: withoutProof } }],
  }),
  attack({
    id: "post-handshake",
    title: "an empty certificate where the server asks again",
    reference: "RFC 8446 section 4.6.2, RFC 5246 section 7.4.1.1",
    meaning: "a certificate that is asked for later, for a path say, may be left out",
    fix: authenticateAtOnce,
    decides: "later-flight",
    attempts: [{ kind: "", presents: "valid", script: { later: withoutProof } }],
  }),
  attack({
    id: "fragmented-hello",
    title: "no certificate, after a ClientHello in many records",
    reference: "RFC 8446 section 5.1",
    meaning: "what looks at the ClientHello from outside misses it, and another server answers",
    fix: authenticateAtOnce,
    attempts: [{ kind: "", presents: "nothing", helloFragment: 16, script: {} }],
  }),
];
