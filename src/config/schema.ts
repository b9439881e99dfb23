import { isIP } from "node:net";
import { z } from "zod";
import { gateway, policy } from "./gateway-schema.ts";
import { pki } from "./pki-schema.ts";
import { dnsName, duration, hostPort, name } from "./scalars.ts";

const identityFiles = z.strictObject({ cert: z.string().min(1), key: z.string().min(1) });

const host = z.strictObject({
  addresses: z
    .array(z.string().refine((text) => isIP(text) !== 0, "not an IP address"))
    .max(64)
    .default([])
    .describe("probed in place of those that the name resolves to"),
  server_name: dnsName
    .refine((text) => isIP(text) === 0, "an address is no server name")
    .optional()
    .describe("what TLS asks for and the certificate must hold, in place of the host"),
  sibling_ports: z
    .array(z.int().min(1).max(65_535))
    .max(64)
    .default([])
    .describe("other ports of the host, each probed like the target"),
});

const probe = z.strictObject({
  targets: z.array(z.string().min(1)).default([]),
  hosts: z
    .record(hostPort, host)
    .default({})
    .describe("what holds for all targets of a HOST:PORT, as their URLs name it"),
  openapi: z
    .array(z.strictObject({ file: z.string().min(1), base_url: z.string().min(1) }))
    .max(100)
    .default([])
    .describe("OpenAPI documents whose every operation is a target, and where the API is"),
  allow_unsafe_methods: z.boolean().default(false).describe("ask with POST, PUT, PATCH and DELETE too"),
  timeout: duration.optional(),
  concurrency: z.int().min(1).max(64).optional(),
  delay: z.number().min(0).max(60).optional().describe("least seconds from one connection to the next"),
  require: z
    .array(z.string().regex(/^[a-z0-9-]{1,64}$/, "not the name of an attack"))
    .default([])
    .describe("attacks that are only reported otherwise, and fail the run here, e.g. weak-key"),
  canary: z.string().min(1).optional().describe("text that only an accepted client sees"),
  baseline: z.string().min(1).optional().describe("file of findings that are accepted for a time"),
  server_ca: z.string().min(1).optional().describe("what servers' certificates come from"),
  client_cert: z.string().min(1).optional().describe("a valid client"),
  client_key: z.string().min(1).optional(),
  client_ca: z.string().min(1).optional().describe("CA to make forgeries from"),
  client_ca_key: z.string().min(1).optional(),
  expectations: z
    .array(
      z.strictObject({
        target: z.string().min(1),
        allowed: z.array(name).max(100).default([]),
        denied: z.array(name).max(100).default([]),
      }),
    )
    .max(5000)
    .default([])
    .describe(
      "which roles a target serves, and which it does not: each is tried with a certificate of that role",
    ),
  identities: z
    .record(z.string().regex(/^[a-z0-9-]{1,64}$/, "not the name of an attack"), identityFiles)
    .default({})
    .describe("forged identities by attack, e.g. revoked"),
});

/** Of audit events: docs/log-format.md. */
const eventTypes = ["authentication", "authorization", "command", "telemetry_transform", "alert"] as const;

const logs = z.strictObject({
  origin: z
    .string()
    .regex(/^[^\s+]{1,200}$/, "an origin has no spaces and no +")
    .optional()
    .describe("name of the log in its checkpoints (default: DOMAIN/audit)"),
  store: z
    .string()
    .min(1)
    .default("audit-log")
    .describe("where the signed log is kept: a directory, or s3://BUCKET/PREFIX"),
  retention: duration
    .optional()
    .describe("how long S3 locks what is written there, in COMPLIANCE mode: 30d or more"),
  interval: duration.prefault("5m"),
  max_records: z.int().min(1).max(10_000_000).default(100_000),
  services: z
    .record(z.string().min(1).max(200), z.array(z.enum(eventTypes)).min(1))
    .default({})
    .describe("what each service is to write into its log, for logs lint"),
  heartbeat: z
    .boolean()
    .default(false)
    .describe("logs sign --follow: a batch every interval, though nothing came"),
});

/**
 * The shape of `fleetsec.yaml`: it and its parts are the only place that knows defaults. Keys are written as in Vault
 * and OPA, in snake case. Durations become seconds; everything else stays as it is written.
 */
export const configSchema = z
  .strictObject({
    version: z.literal(1),
    name,
    domain: dnsName.describe("the trust domain, e.g. fleet.internal"),
    state: z
      .string()
      .min(1)
      .default(".fleetsec")
      .describe("where the CA, certificates and inventory are kept"),
    pki: pki.prefault({}),
    gateway: gateway.prefault({}),
    policy: policy.prefault({}),
    probe: probe.prefault({}),
    logs: logs.prefault({}),
  })
  .describe("fleetsec.yaml");

export type Config = z.output<typeof configSchema>;
