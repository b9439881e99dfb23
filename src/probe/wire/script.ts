/**
 * What a client sends where the protocol expects its authentication. Attacks are scripts: a few
 * lines of data, the same for both versions.
 */
export interface Script {
  /** Everything after the server's first flight, in one write. Undefined: what the protocol wants. */
  readonly flight?: readonly Step[];
  /**
   * The answer to a later request for a certificate: renegotiation (TLS 1.2), or post-handshake
   * authentication (TLS 1.3), which is offered only where there is a script for it.
   */
  readonly later?: readonly Step[];
  /** TLS 1.2: asks for the renegotiation itself, once the first handshake is done. */
  readonly renegotiates?: boolean;
  /** TLS 1.3: the application's first bytes go along with the ClientHello (0-RTT); needs a ticket. */
  readonly earlyData?: boolean;
  /** Where that is taken nothing follows, not even Finished: the server cannot have waited for it. */
  readonly holdsBack?: boolean;
  /** Nothing that the application writes is sent. */
  readonly silent?: boolean;
}

export type Step =
  | { readonly send: "certificate"; readonly chain: "own" | "empty" }
  /** ClientKeyExchange of TLS 1.2; nothing in TLS 1.3, which has it in the ClientHello. */
  | { readonly send: "key-exchange" }
  | ({ readonly send: "certificate-verify" } & Proof)
  /** ChangeCipherSpec and Finished of TLS 1.2; Finished and the application keys of TLS 1.3. */
  | { readonly send: "finished"; readonly verifyData?: "wrong" }
  /** As `finished`, without the Finished message. */
  | { readonly send: "new-keys" };

/** How a CertificateVerify differs from the right one; as it should be where nothing is said. */
export interface Proof {
  /** Signed by another key of the same kind. */
  readonly by?: "impostor";
  /** Signed by another kind of key than the certificate's, in a scheme of that kind. */
  readonly scheme?: "other-kind";
  /** Signed over another handshake, or as a server would sign (TLS 1.3). */
  readonly over?: "another-handshake" | "server-context";
  /** Replaced after it was made. `zero-r-s` means zeros for anything but ECDSA. */
  readonly signature?: "bit-flip" | "zeros" | "empty" | "zero-r-s";
}

export const ownCertificate: Step = { send: "certificate", chain: "own" };
export const emptyCertificate: Step = { send: "certificate", chain: "empty" };
export const keyExchange: Step = { send: "key-exchange" };
export const finished: Step = { send: "finished" };
export const newKeys: Step = { send: "new-keys" };

export function certificateVerify(proof: Proof = {}): Step {
  return { send: "certificate-verify", ...proof };
}

/**
 * What the protocol wants (RFC 8446, section 4.4; RFC 5246, section 7.3).
 * @param answer whether a certificate was asked for, and whether the client has a fitting one
 */
export function conformingFlight(answer: "own" | "empty" | "not-asked"): readonly Step[] {
  switch (answer) {
    case "own":
      return [ownCertificate, keyExchange, certificateVerify(), finished];
    case "empty":
      return [emptyCertificate, keyExchange, finished];
    case "not-asked":
      return [keyExchange, finished];
  }
}
