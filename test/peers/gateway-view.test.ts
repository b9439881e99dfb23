import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { extendedKeyUsage, subjectAltName } from "../../src/pki/extensions.ts";
import type { GeneralName } from "../../src/pki/general-name.ts";
import { type Attribute, encodeName } from "../../src/pki/name.ts";
import { oids } from "../../src/pki/oids.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { describeCertificate } from "../../src/pki/verify/describe.ts";
import { gatewayView } from "../../src/pki/verify/gateway-view.ts";
import { systemExec } from "../../src/platform/exec.ts";
import { forge, NOW } from "../pki/verify/forge.ts";
import { testProject } from "../support/project.ts";
import { describeWithEngines } from "./engines.ts";

const TERMS = {
  trustDomain: "fleet.internal",
  vehiclePrefix: "spiffe://fleet.internal/fleet-edge/",
  roles: ["vehicle_agent", "carrier_dispatch"],
};

/** What is undefined in the policy, as a value. */
const VIEW = `package view

import data.fleet.identity

default spiffe_id := ""

spiffe_id := identity.spiffe_id

default vehicle := ""

vehicle := identity.vehicle

default for_clients := false

for_clients := identity.for_clients

default in_trust_domain := false

in_trust_domain := identity.in_trust_domain

seen := {
	"roles": identity.roles,
	"spiffe_id": spiffe_id,
	"vehicle": vehicle,
	"for_clients": for_clients,
	"in_trust_domain": in_trust_domain,
}
`;

const uri = (value: string): GeneralName => ({ type: "uri", value });
const dns = (value: string): GeneralName => ({ type: "dns", value });
const VEHICLE = [uri("spiffe://fleet.internal/fleet-edge/truck-7")];

interface Case {
  readonly names: readonly GeneralName[];
  readonly roles?: readonly string[];
  readonly purposes?: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "a vehicle": { names: VEHICLE, roles: ["vehicle_agent"] },
  "two roles": { names: [dns("tms.fleet.internal")], roles: ["carrier_dispatch", "vehicle_agent"] },
  "no role": { names: VEHICLE },
  "a role that is granted nothing": { names: VEHICLE, roles: ["admin"] },
  "a role in another case": { names: VEHICLE, roles: ["Vehicle_Agent"] },
  "a server": { names: [dns("gw.fleet.internal")], purposes: [oids.serverAuth] },
  "any purpose": { names: VEHICLE, purposes: [oids.anyExtendedKeyUsage] },
  "no purpose": { names: VEHICLE, purposes: [] },
  "a vehicle below a vehicle": { names: [uri("spiffe://fleet.internal/fleet-edge/a/b")] },
  "no vehicle": { names: [uri("spiffe://fleet.internal/fleet-edge/")] },
  "another path": { names: [uri("spiffe://fleet.internal/tms-connector/tms")] },
  "another trust domain": { names: [uri("spiffe://fleet.example/fleet-edge/a"), dns("a.fleet.internal")] },
  "a trust domain that only begins alike": { names: [uri("spiffe://fleet.internal.evil/fleet-edge/a")] },
  "two URIs": { names: [...VEHICLE, uri("spiffe://fleet.internal/fleet-edge/truck-8")] },
  "a URI that is no SPIFFE ID": { names: [uri("https://fleet.internal/a"), dns("a.fleet.internal")] },
  "a DNS name in capitals": { names: [dns("A.FLEET.INTERNAL")] },
  "the bare domain": { names: [dns("fleet.internal")] },
  "a DNS name elsewhere": { names: [dns("evilfleet.internal"), dns("a.example")] },
  "no name of these kinds": { names: [{ type: "ip", value: "192.0.2.1" }] },
};

describeWithEngines(["opa"], "what cert inspect says of the policy", ({ opa }) => {
  test("is what OPA reads from the certificate", async () => {
    const project = testProject();
    expect((await project.run(["scaffold", "opa"])).code).toBe(0);
    const entries = await Promise.all(
      Object.entries(CASES).map(async ([title, one]) => [title, await certificateOf(one)] as const),
    );
    const certs = entries.map(([, certificate]) =>
      encodeURIComponent(encodePem("CERTIFICATE", certificate.der)),
    );
    writeFileSync(join(project.directory, "input.json"), JSON.stringify(certs));
    writeFileSync(join(project.directory, "view.rego"), VIEW);
    const query = '[seen | some cert in input; seen := data.view.seen with input as {"cert": cert}]';
    const files = ["-d", "deploy/opa/policy", "-d", "view.rego", "-i", "input.json"];
    const { stdout, stderr } = await systemExec({}).run(
      opa.path,
      ["eval", ...files, "--import", "rego.v1", "--format", "values", query],
      { cwd: project.directory },
    );
    expect(stderr).toBe("");
    const [seen] = JSON.parse(stdout) as [Seen[]];
    expect(seen).toHaveLength(entries.length);
    for (const [i, [title, certificate]] of entries.entries()) {
      const description = describeCertificate(certificate, NOW);
      const trust = { anchors: [], intermediates: [], crls: undefined };
      const request = { certificate, description, trust, terms: TERMS, peer: undefined, at: NOW };
      const { policy } = gatewayView(request);
      expect({ title, ...asOpa(policy) }).toEqual({ title, ...seen[i] });
    }
    // the cases tell the answers apart
    for (const key of ["for_clients", "in_trust_domain"] as const) {
      expect(new Set(seen.map((one) => one[key]))).toEqual(new Set([true, false]));
    }
  });
});

interface Seen {
  readonly roles: readonly string[];
  readonly spiffe_id: string;
  readonly vehicle: string;
  readonly for_clients: boolean;
  readonly in_trust_domain: boolean;
}

function asOpa(policy: ReturnType<typeof gatewayView>["policy"]): Seen {
  if (policy === undefined) throw new Error("there are terms, and no policy");
  return {
    roles: [...policy.roles].sort(),
    spiffe_id: policy.spiffeId ?? "",
    vehicle: policy.vehicle ?? "",
    for_clients: !policy.denials.includes("not_a_client_certificate"),
    in_trust_domain: !policy.denials.includes("unknown_trust_domain"),
  };
}

async function certificateOf({ names, roles = [], purposes = [oids.clientAuth] }: Case) {
  const subject: Attribute[] = [
    ...roles.map((value) => ({ type: "OU" as const, value })),
    { type: "CN", value: "one" },
  ];
  const replace = {
    subjectAltName: subjectAltName(names),
    extKeyUsage: purposes.length === 0 ? null : extendedKeyUsage(purposes),
  };
  return (await forge({ subject: encodeName(subject), replace })).certificate;
}
