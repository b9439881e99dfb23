import { FleetsecError } from "../errors.ts";
import type { Attack } from "./attack.ts";
import { authoritySwitch } from "./attacks/authority-switch.ts";
import { expired } from "./attacks/expired.ts";
import { h2cUpgradeAttack } from "./attacks/h2c-upgrade.ts";
import { headerSpoof } from "./attacks/header-spoof.ts";
import { leafAsCa } from "./attacks/leaf-as-ca.ts";
import { nameConstraint } from "./attacks/name-constraint.ts";
import { noCert } from "./attacks/no-cert.ts";
import { noEku } from "./attacks/no-eku.ts";
import { notYetValid } from "./attacks/not-yet-valid.ts";
import { tls10, tls11 } from "./attacks/old-tls.ts";
import { otherIdentity } from "./attacks/other-identity.ts";
import { pathLength } from "./attacks/path-length.ts";
import { otherAlpn } from "./attacks/other-alpn.ts";
import { otherHello } from "./attacks/other-hello.ts";
import { pathTricks } from "./attacks/path-tricks.ts";
import { plaintext } from "./attacks/plaintext.ts";
import { publicCa } from "./attacks/public-ca.ts";
import { resumeAfterReject } from "./attacks/resume-after-reject.ts";
import { resumeCrossHost } from "./attacks/resume-cross-host.ts";
import { resumeNoCert } from "./attacks/resume-no-cert.ts";
import { revoked } from "./attacks/revoked.ts";
import { secondRequest } from "./attacks/second-request.ts";
import { selfSigned } from "./attacks/self-signed.ts";
import { serverAuthOnly } from "./attacks/server-auth-only.ts";
import { noSni, oddSni, sniHostMismatch, unknownSni } from "./attacks/server-names.ts";
import { anonymousSuites, nullSuites, pskSuites, weakCiphers } from "./attacks/suites.ts";
import { sha1Signature, weakKey } from "./attacks/weak-algorithms.ts";
import { starttls } from "./attacks/starttls.ts";
import { twinCa } from "./attacks/twin-ca.ts";
import { upgradeTls } from "./attacks/upgrade-tls.ts";
import { wrongCa } from "./attacks/wrong-ca.ts";
import { wireAttacks } from "./wire/attacks.ts";

/** The battery, in the order of reports. */
export const attacks: readonly Attack[] = [
  noCert,
  selfSigned,
  wrongCa,
  twinCa,
  leafAsCa,
  expired,
  notYetValid,
  serverAuthOnly,
  noEku,
  revoked,
  publicCa,
  pathLength,
  nameConstraint,
  weakKey,
  sha1Signature,
  resumeNoCert,
  resumeAfterReject,
  resumeCrossHost,
  noSni,
  unknownSni,
  oddSni,
  sniHostMismatch,
  otherIdentity,
  headerSpoof,
  pathTricks,
  secondRequest,
  authoritySwitch,
  otherAlpn,
  otherHello,
  h2cUpgradeAttack,
  starttls,
  upgradeTls,
  ...wireAttacks,
  weakCiphers,
  anonymousSuites,
  nullSuites,
  pskSuites,
  tls10,
  tls11,
  plaintext,
];

/** @throws FleetsecError `usage` with the nearest names for an unknown id */
export function attackNamed(id: string): Attack {
  const attack = attacks.find((candidate) => candidate.id === id);
  if (attack !== undefined) return attack;
  const near = attacks.map((candidate) => candidate.id).filter((known) => distance(known, id) <= 3);
  throw new FleetsecError("usage", `there is no attack ${id}`, {
    hint:
      near.length > 0
        ? `did you mean ${near.join(" or ")}?`
        : `the attacks are ${attacks.map((candidate) => candidate.id).join(", ")}`,
  });
}

/** Levenshtein's edit distance; of long texts only the beginning counts. */
function distance(a: string, b: string): number {
  const [left, right] = [a.slice(0, 32), b.slice(0, 32)];
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 0; i < left.length; i += 1) {
    const next = [i + 1];
    for (let j = 1; j <= right.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (right[j - 1] === left[i] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
