import { hash } from "node:crypto";
import type { IssuePlan } from "../plan.ts";
import type { SignedLeaf } from "../leaf.ts";
import { encodePem } from "../pem.ts";
import { formatSan } from "../roles.ts";
import type { PkiPlatform } from "../state.ts";
import type { Certificate } from "../verify/certificate.ts";
import { isoTime } from "../verify/time.ts";
import type { Subject } from "./certify.ts";
import type { Service } from "./issuer.ts";
import { judgeAnswer } from "./judge.ts";

/** Has a service certify a key, and takes its certificate only where it is what was planned. */
export async function askService(
  { clock }: PkiPlatform,
  service: Service,
  plan: IssuePlan,
  { spki, csr, present }: Subject,
): Promise<SignedLeaf> {
  const request = { plan, csr: await csr(), present };
  const asked = clock.now();
  const pem = await service.certify(request);
  const answered = clock.now();
  const { kind, anchors } = service;
  const { leaf, chain } = judgeAnswer(pem, { service: kind, plan, spki, anchors, asked, answered });
  const sans = plan.names.map(formatSan);
  const { name, role, ttl, keyType, attributes } = plan;
  return {
    name,
    role: role.name,
    sans,
    serial: leaf.serial,
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
    cert: pemOf(leaf),
    chain: chain.map(pemOf).join(""),
    record: {
      op: "issue",
      at: isoTime(answered),
      name,
      serial: leaf.serial,
      sha256: hash("sha256", leaf.der),
      role: role.name,
      notBefore: isoTime(leaf.notBefore),
      notAfter: isoTime(leaf.notAfter),
      ttl,
      sans,
      keyType,
      authority: 0,
      issuer: kind,
      ...(attributes === undefined ? {} : { attributes }),
    },
  };
}

function pemOf({ der }: Certificate): string {
  return encodePem("CERTIFICATE", der);
}
