import { type ContractParty, issuerContract } from "./contract.ts";

const local: ContractParty = {
  config: () => ["issuer: local"],
  options: () => ({}),
  faults: [],
  ownCa: true,
  publishesCrl: true,
  givesReason: true,
};

issuerContract("the project's own CA", () => local);
