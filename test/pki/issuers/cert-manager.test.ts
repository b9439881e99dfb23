import { expect, test } from "vitest";
import { testProject } from "../../support/project.ts";
import { type ContractParty, issuerContract, withIssuer } from "./contract.ts";

const LINES = ["issuer: cert-manager", "cert_manager: {issuer: fleet-ca, namespace: fleet}"];

const certManager: ContractParty = {
  config: () => LINES,
  options: () => ({}),
  // nobody is asked: the cluster says what is wrong when the manifest is applied
  faults: [],
  publishesCrl: false,
  givesReason: false,
};

issuerContract("cert-manager", () => certManager, {
  "keeping certificates": "key and certificate are in the cluster",
  "certifying a CSR that lacks what the role gives": "it takes names and subject from the CSR as they are",
  renewing: "it renews by itself",
  revoking: "it cannot",
  "a trust bundle": "only the cluster has the CA",
});

test("a lifetime that its webhook refuses, and a key that is not made there, write nothing", async () => {
  const project = testProject(() => withIssuer(LINES)());
  const issue = ["cert", "issue", "truck-17", "--role", "fleet-edge"];
  const refused = { exit: 2, code: "refused", changed: false };
  expect(await project.attempt([...issue, "--ttl", "59m"])).toMatchObject(refused);
  expect(await project.attempt([...issue, "--key", "pkcs11:token=fleet;object=truck-17"])).toMatchObject(
    refused,
  );
  const { code, document } = await project.json([...issue, "--ttl", "1h"]);
  expect([code, document.manifest.spec]).toMatchObject([0, { duration: "3600s", renewBefore: "1200s" }]);
});
