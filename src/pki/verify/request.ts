import type { Certificate } from "./certificate.ts";
import type { Crl } from "./crl.ts";
import type { PeerName } from "./peer-name.ts";
import type { Reason } from "./reason.ts";

/** What the end of the path is to be used for in TLS. */
export type Purpose = "client" | "server";

export interface VerifyRequest {
  /** The certificate that is asked about. */
  readonly certificate: Certificate;
  /** Certificates that may stand between it and a trust anchor; none of them is trusted. */
  readonly intermediates: readonly Certificate[];
  /** Trusted by being named. Their own limits (validity, names, path length…) count all the same. */
  readonly anchors: readonly Certificate[];
  /** The instant that is asked about, in milliseconds since the Unix epoch. */
  readonly at: number;
  /** Without one, any use will do. */
  readonly purpose?: Purpose | undefined;
  /** A name that the certificate must carry. */
  readonly peer?: PeerName | undefined;
  /**
   * With CRLs, there must be a good one by the issuer of the certificate; further up the path they
   * count where they exist. Without, revocation is not looked at.
   */
  readonly crls?: readonly Crl[] | undefined;
  /** How many intermediates a path may have, self-issued ones not counted; 8 unless told. */
  readonly maxIntermediates?: number | undefined;
}

export interface PathEntry {
  readonly certificate: Certificate;
  /** Of the trust anchor `not-applicable`: nobody can revoke it but who trusts it. */
  readonly revocation: "good" | "unchecked" | "not-applicable";
}

/** A path begins with the certificate that was asked about and ends with the trust anchor. */
export type Verdict =
  | { readonly ok: true; readonly path: readonly PathEntry[] }
  | {
      readonly ok: false;
      /** The path that came closest; the reasons' numbers are places in it. */
      readonly path: readonly Certificate[];
      /** At least one. */
      readonly reasons: readonly Reason[];
    };
