import type { CommandEntry } from "./command.ts";

/** Every command, in the order of `fleetsec --help`. */
export const commands: readonly CommandEntry[] = [
  {
    name: "init",
    summary: "begin a project: configuration, dev CA, certificates, gateway templates",
    load: () => import("./init.ts"),
  },
  {
    name: "demo",
    summary: "the whole tour in a scratch directory: from a CA to a tampered log caught",
    load: () => import("./demo.ts"),
  },
  {
    name: "ca",
    summary: "make and show the CA, print its trust bundle and CRLs, answer OCSP",
    load: () => import("./ca.ts"),
  },
  {
    name: "cert",
    summary: "issue, sign, renew, rotate, revoke, list, inspect and verify certificates",
    load: () => import("./cert.ts"),
  },
  {
    name: "probe",
    summary: "prove that endpoints refuse clients without a valid certificate",
    load: () => import("./probe.ts"),
  },
  {
    name: "gateway",
    summary: "run the embedded mTLS gateway, for development and tests",
    load: () => import("./gateway.ts"),
  },
  {
    name: "scaffold",
    summary: "write gateway and policy configurations from fleetsec.yaml",
    load: () => import("./scaffold.ts"),
  },
  {
    name: "logs",
    summary: "sign audit logs into a verifiable store; make keys, lint events",
    load: () => import("./logs.ts"),
  },
  {
    name: "verify-logs",
    summary: "verify a signed log offline, and find what was altered",
    load: () => import("./verify-logs.ts"),
  },
  {
    name: "detect",
    summary: "find certificates that a gateway let in and the CA never logged",
    load: () => import("./detect.ts"),
  },
  {
    name: "report",
    summary: "join the results of several probes into one report with one exit code",
    load: () => import("./report.ts"),
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: () => import("./completion.ts"),
  },
];
