import { z } from "zod";
import { certManager, issuerKinds, stepCa, vault } from "./issuers.ts";
import { dnsName, duration, hostPort, name } from "./scalars.ts";

export const keyTypes = ["p256", "p384", "ed25519", "rsa3072"] as const;
const keyType = z.enum(keyTypes);

const role = z.strictObject({
  usages: z
    .array(z.enum(["client", "server"]))
    .min(1)
    .describe("extended key usages of the certificates"),
  ttl: duration.prefault("24h").describe("lifetime where none is asked for"),
  max_ttl: duration.prefault("72h").describe("longest lifetime; more is refused, never capped"),
  key_types: z.array(keyType).min(1).default(["p256", "p384", "ed25519", "rsa3072"]),
  allowed_domains: z.array(dnsName).default([]),
  allow_subdomains: z.boolean().default(true),
  allow_bare_domains: z.boolean().default(false),
  allow_ip_sans: z.boolean().default(false),
  allowed_uri_sans: z
    .array(z.string().max(512))
    .default([])
    .describe("globs; * matches within a path segment, ** across"),
  deny: z.array(z.string().max(253)).default([]).describe("names that are never issued (globs)"),
  application_roles: z.array(name).default([]).describe("written into the certificate for gateways and OPA"),
});

const rotation = z.strictObject({
  name: dnsName.max(64).describe("of the certificate"),
  exec: z
    .array(z.string().min(1).max(4096))
    .min(1)
    .max(64)
    .optional()
    .describe("program and arguments that tell the service; no shell"),
  pid_file: z.string().min(1).optional().describe("of a process to signal"),
  signal: z.enum(["HUP", "USR1", "USR2"]).default("HUP").describe("sent to the process of pid_file"),
  confirm: hostPort.optional().describe("where the service must be seen with its new certificate"),
  confirm_timeout: duration.prefault("15s").describe("how long it may take"),
  rekey: z.boolean().default(false).describe("a new key each time"),
});

export const pki = z.strictObject({
  key_type: keyType.default("p256"),
  root_ttl: duration.prefault("3650d"),
  intermediate_ttl: duration.prefault("365d"),
  name_constraints: z.boolean().default(true).describe("limit the intermediate to `domain`"),
  crl_ttl: duration.prefault("7d").describe("how long a CRL may be relied on"),
  renew_grace: duration.prefault("7d").describe("how long after its end a certificate may still be renewed"),
  trust_overlap: duration
    .prefault("24h")
    .describe("how long relying parties may take to load a new trust bundle, when the root is rotated"),
  rotation: z
    .array(rotation)
    .max(10_000)
    .default([])
    .describe("what `cert rotate` does for the services behind certificates"),
  crl_url: z.url().optional(),
  ocsp_url: z.url().optional(),
  issuer: z.enum(issuerKinds).default("local").describe("who issues certificates"),
  trust_anchor: z
    .string()
    .min(1)
    .optional()
    .describe("roots (PEM) that certificates of another issuer must come from"),
  vault: vault.optional(),
  step_ca: stepCa.optional(),
  cert_manager: certManager.prefault({}),
  roles: z.record(name, role).default({}),
});
