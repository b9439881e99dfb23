import { FleetsecError } from "../errors.ts";
import type { CaGeneration, PkiSettings } from "./authority.ts";
import { derReader, readSingle, tags } from "./der/read.ts";
import { sequence } from "./der/write.ts";
import { encodeGeneralName } from "./general-name.ts";
import type { IssuePlan } from "./plan.ts";
import { leafSubject } from "./profiles.ts";
import { readGeneralName } from "./verify/general-name.ts";
import { constraintViolation } from "./verify/name-constraints.ts";
import { readName } from "./verify/name.ts";

const EMPTY_NAME = readName(readSingle(sequence(), tags.sequence, "name"), "name");
/** Far more names than anybody asks for, with far more constraints than `ca init` writes. */
const MAX_COMPARISONS = 100_000;

/**
 * A role may allow more than the issuing CA was made for, and no verifier would accept the
 * certificate: it is refused by the validator's own rules.
 * @throws FleetsecError `refused`
 */
export function refuseConstrained(
  plan: Pick<IssuePlan, "name" | "names" | "role">,
  { organization }: PkiSettings,
  { issuing }: CaGeneration,
): void {
  if (issuing.nameConstraints === undefined) return;
  const { permitted, excluded } = issuing.nameConstraints;
  const { applicationRoles } = plan.role;
  const subjectDer = () => leafSubject({ organization, applicationRoles, commonName: plan.name });
  const names = {
    // a subject of ours holds no mail address: only constraints on whole names can concern it, and on
    // hosts where it may be taken for one
    subject:
      [...permitted, ...excluded].some(({ type }) => type === "dn") ||
      !plan.names.some(({ type }) => type === "dns")
        ? readName(readSingle(subjectDer(), tags.sequence, "subject"), "subject")
        : EMPTY_NAME,
    subjectAltName: plan.names.map((name) =>
      readGeneralName(derReader(encodeGeneralName(name), "name").next(), "name"),
    ),
  };
  const violation = constraintViolation(names, [issuing.nameConstraints], { left: MAX_COMPARISONS });
  if (violation === undefined) return;
  const detail = "message" in violation ? violation.message : "has too many names";
  throw new FleetsecError("refused", `the issuing CA is name-constrained: the certificate ${detail}`, {
    hint: "ask for a name in the trust domain, or rotate the CA after changing pki.roles",
  });
}
