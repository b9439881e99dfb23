import type { Certificate } from "../certificate.ts";
import type { Reason } from "../reason.ts";
import type { VerifyRequest } from "../request.ts";
import type { NameConstraints } from "../subtrees.ts";
import type { Work } from "../work.ts";

/** The state variables of RFC 5280 section 6.1.2 that are used here. */
export interface State {
  /** How many intermediates may still follow. */
  maxPathLength: number;
  /** Of every certificate above. */
  readonly constraints: NameConstraints[];
  /** What the CRLs said of the certificates so far. */
  readonly revocation: Map<Certificate, "good" | "unchecked">;
}

/** One certificate on the way down from the trust anchor. */
export interface Step {
  readonly certificate: Certificate;
  /** The next one up; undefined for the trust anchor. */
  readonly issuer: Certificate | undefined;
  /** Whether it is the one that was asked about, the last of the path. */
  readonly isEnd: boolean;
  readonly state: State;
  readonly request: VerifyRequest;
  readonly work: Work;
}

/** What a check finds wrong with the certificate. */
export type Fault = Omit<Reason, "certificate">;
