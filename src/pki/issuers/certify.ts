import type { PkiSettings } from "../authority.ts";
import type { IssuePlan } from "../plan.ts";
import { leafSigner, type SignedLeaf } from "../leaf.ts";
import type { PkiPlatform } from "../state.ts";
import { askService } from "./ask.ts";
import { refuseCaKey } from "./ca-key.ts";
import type { Issuer, PresentPair } from "./issuer.ts";

/** Whose key is certified. */
export interface Subject {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /**
   * Makes a CSR, PEM, signed by the key.
   * @throws FleetsecError `refused` where the key is not here
   */
  readonly csr: () => Promise<string>;
  readonly present?: PresentPair | undefined;
}

/**
 * Has a certificate made as planned. It is not in the inventory yet and must not leave the callers.
 * @throws FleetsecError `refused` for a CA's key, what unlocking the CA throws, or for a service `state`
 *   of the inventory, `refused`, `unreachable`, `issuer`
 */
export async function certify(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  plan: IssuePlan,
  subject: Subject,
): Promise<SignedLeaf> {
  refuseCaKey(subject.spki, issuer);
  if (issuer.kind === "local") return leafSigner(platform, issuer, settings)(plan, subject.spki);
  // what a service has issued cannot be taken back: a damaged inventory could not record it
  issuer.inventory.refresh();
  return askService(platform, issuer, plan, subject);
}
