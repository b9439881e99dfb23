import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { CaGeneration, PkiSettings } from "./authority.ts";
import { type ReadCsr, readCsr } from "./csr.ts";
import { currentFiles } from "./generations.ts";
import { refuseTakenPlan, store } from "./issue.ts";
import { certify } from "./issuers/certify.ts";
import { currentCa, type Issuer } from "./issuers/issuer.ts";
import { type KeyType, keyTypeOf, publicKeyOf } from "./keys.ts";
import type { IssuedCertificate } from "./leaf.ts";
import { type IssuePlan, keyTypeRefused, planIssue } from "./plan.ts";
import { formatSan, refusalOf, type Role } from "./roles.ts";
import type { PkiPlatform } from "./state.ts";

export interface SignRequest {
  /** The request, PEM. */
  readonly csr: string;
  /** What it was read from, for messages. */
  readonly what: string;
  readonly role: Role;
  /** The common name of the request unless told. */
  readonly name?: string | undefined;
  /** Seconds; the role's unless told. */
  readonly ttl?: number | undefined;
}

export interface SignResult {
  readonly certificate: IssuedCertificate;
  /** What the request asked for and did not get, in words that come from outside. */
  readonly dropped: readonly string[];
}

/** What will be signed of a request, by every rule. */
export interface SigningPlan {
  readonly csr: ReadCsr;
  readonly plan: IssuePlan;
  /** As in `SignResult`. */
  readonly dropped: readonly string[];
}

/**
 * Of a request only the public key and the names that the role allows are taken.
 * @param ca that will sign, where it is the project's own
 * @param now milliseconds since the epoch
 * @throws FleetsecError `input` for a request that is malformed or not signed by its key, `refused`
 */
export async function planSigning(
  settings: PkiSettings,
  ca: CaGeneration | undefined,
  request: SignRequest,
  now: number,
): Promise<SigningPlan> {
  const { role, what, ttl } = request;
  const csr = await readCsr(request.csr, what);
  const name = request.name ?? csr.commonName;
  if (name === undefined) {
    throw new FleetsecError("usage", `${what} has no common name`, {
      hint: "name the certificate with --name",
    });
  }
  const keyType = allowedKeyType(role, csr.spki);
  const allowed = csr.names.filter((san) => refusalOf(role, san) === undefined);
  const plan = planIssue({ name, role, ttl, keyType, sans: allowed }, settings, ca, now);
  const refused = csr.names.filter((san) => !allowed.includes(san)).map(formatSan);
  return { csr, plan, dropped: [...csr.surplus, ...refused] };
}

/**
 * Issues a certificate for a key that is kept elsewhere.
 * @throws FleetsecError as `planSigning`, and what the issuer and writing throw
 */
export async function signCsr(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  request: SignRequest,
): Promise<SignResult> {
  const now = platform.clock.now();
  const { csr, plan, dropped } = await planSigning(settings, currentCa(issuer), request, now);
  const directory = join(issuer.layout.certificates, plan.name);
  if (platform.files.kind(currentFiles(directory).key) !== undefined) {
    throw new FleetsecError(
      "exists",
      `the key of ${plan.name} is kept here: a certificate for another key would part them`,
      {
        hint: "choose another name with --name",
      },
    );
  }
  refuseTakenPlan(issuer, plan, now);
  const signed = await certify(platform, issuer, settings, plan, {
    spki: csr.spki,
    csr: () => Promise.resolve(request.csr),
  });
  return { certificate: await store(platform, issuer, settings, signed, directory, undefined), dropped };
}

function allowedKeyType(role: Role, spki: Uint8Array): KeyType {
  const type = keyTypeOf(publicKeyOf(spki));
  const allowed = role.keyTypes.find((candidate) => candidate === type);
  if (allowed === undefined) throw keyTypeRefused(role, type);
  return allowed;
}
