import { type Certificate, hasSameKey } from "./certificate.ts";
import type { VerifyRequest } from "./request.ts";
import type { Work } from "./work.ts";

/** Certificates in a path, whatever their kind: a bound on depth, above every limit on intermediates. */
const MAX_LENGTH = 16;
/** Steps up that one verification takes; every complete path costs at least one. */
const MAX_STEPS = 500;

export interface Candidate {
  /** From the certificate that was asked about upwards. */
  readonly path: readonly Certificate[];
  /** Whether it ends with a trust anchor; otherwise it is a dead end. */
  readonly complete: boolean;
}

/**
 * Paths by issuer name and signature, likely ones first, depth first (RFC 4158). Key identifiers
 * only order the choices. No name and key occur twice in a path, so a cycle ends. Where no
 * certificate of the issuer's name has made the signature, one is followed all the same, so that the
 * failure can be named. What is left out at a bound sets `work.exhausted`.
 */
export function* candidatePaths(request: VerifyRequest, work: Work): Generator<Candidate, void, undefined> {
  const anchors = bySubject(request.anchors);
  const pool = bySubject(
    request.intermediates.filter((one) => !includes(anchors.get(one.subject.key) ?? [], one)),
  );
  let steps = 0;

  function* extend(path: readonly Certificate[]): Generator<Candidate, void, undefined> {
    const last = path.at(-1);
    if (last === undefined) return;
    const trusted = issuersOf(last, anchors);
    const untrusted = issuersOf(last, pool).filter(
      (issuer) => !path.some((below) => isSameAuthority(below, issuer)),
    );
    const issuers = [...trusted, ...untrusted];
    let signers = 0;
    for (const issuer of issuers) {
      if (work.signatureFault(last, issuer) !== undefined) continue;
      signers += 1;
      yield* follow(path, issuer, trusted);
    }
    if (signers > 0 || work.exhausted) return;
    const [likeliest] = issuers;
    if (likeliest === undefined) yield { path, complete: false };
    else yield* follow(path, likeliest, trusted);
  }

  function* follow(path: readonly Certificate[], issuer: Certificate, trusted: readonly Certificate[]) {
    steps += 1;
    if (steps > MAX_STEPS || path.length === MAX_LENGTH) {
      work.exhausted = true;
    } else if (trusted.includes(issuer)) {
      yield { path: [...path, issuer], complete: true };
    } else {
      yield* extend([...path, issuer]);
    }
  }

  yield* extend([request.certificate]);
}

type Index = ReadonlyMap<string, readonly Certificate[]>;

function bySubject(certificates: readonly Certificate[]): Index {
  const index = new Map<string, Certificate[]>();
  for (const certificate of certificates) {
    const same = index.get(certificate.subject.key) ?? [];
    if (!includes(same, certificate)) index.set(certificate.subject.key, [...same, certificate]);
  }
  return index;
}

/** Certificates of the issuer's name, those first whose key identifier is the one that is named. */
function issuersOf(certificate: Certificate, index: Index): readonly Certificate[] {
  const issuers = index.get(certificate.issuer.key) ?? [];
  const keyId = certificate.authorityKeyId?.keyId;
  const hinted = (issuer: Certificate) => Number(keyId !== undefined && issuer.subjectKeyId === keyId);
  return [...issuers].sort((a, b) => hinted(b) - hinted(a) || b.notBefore - a.notBefore);
}

function includes(certificates: readonly Certificate[], wanted: Certificate): boolean {
  return certificates.some((certificate) => Buffer.compare(certificate.der, wanted.der) === 0);
}

function isSameAuthority(a: Certificate, b: Certificate): boolean {
  return a.subject.key === b.subject.key && hasSameKey(a, b);
}
