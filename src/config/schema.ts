import { isIP, isIPv6 } from "node:net";
import { z } from "zod";
import { certManager, issuerKinds, stepCa, vault } from "./issuers.ts";
import { duration, name } from "./scalars.ts";

/**
 * The shape of `fleetsec.yaml`: the only place that knows defaults. Keys are written as in Vault
 * and OPA, in snake case. Durations become seconds; everything else stays as it is written.
 */

const dnsName = z
  .string()
  .max(253)
  .regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "not a DNS name in lower case",
  );

const hostPort = z
  .string()
  .regex(/^(\[[0-9a-f:]+\]|[A-Za-z0-9.-]{1,253}):([1-9]\d{0,4})$/, "write it as HOST:PORT")
  .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "the port must be 1-65535")
  .refine((text) => !text.startsWith("[") || isIPv6(text.slice(1, text.indexOf("]"))), "not an IPv6 address");

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

const pki = z.strictObject({
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

const verb = z
  .string()
  .max(64)
  .regex(/^[a-z0-9._-]+:[a-z0-9._-]+$/, "write it as object:action, e.g. tender:create");

const route = z.strictObject({
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
  path: z
    .string()
    .max(512)
    .regex(
      /^\/$|^(\/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|\{[a-z_]+\}))+$/,
      "not a path: segments are literal or {parameter}, e.g. /v1/{region}/tenders",
    )
    .describe("{region} and {vehicle} are checked; any other parameter is any one segment"),
  verb,
});

export const gatewayKinds = ["nginx", "envoy", "haproxy"] as const;

const gateway = z.strictObject({
  kinds: z.array(z.enum(gatewayKinds)).min(1).default(["nginx"]),
  server_name: dnsName.optional().describe("the name that clients connect to (default: gateway.DOMAIN)"),
  listen: hostPort.default("127.0.0.1:8443"),
  upstream: z
    .union([hostPort, z.array(hostPort).min(1).max(64)])
    .prefault("127.0.0.1:8080")
    .transform((upstream) => [upstream].flat())
    .describe("the TMS behind the gateway: one address, or several that share the load"),
  opa: hostPort.default("127.0.0.1:8181").describe("OPA's REST interface, which nginx asks"),
  opa_grpc: hostPort.default("127.0.0.1:9191").describe("OPA's Envoy plugin, which Envoy asks"),
  certificate: dnsName.max(64).default("gateway").describe("name of the certificate that the gateway shows"),
  crl: z.boolean().default(true).describe("refuse clients whose certificate the CA's list says is revoked"),
  max_body: z
    .int()
    .min(1024)
    .max(1 << 30)
    .default(1 << 20)
    .describe("bytes of a request's body; more is refused"),
  events: z
    .string()
    .regex(
      /^(?!(.*\/)?\.\.?(\/|$))[A-Za-z0-9._/-]{1,255}$/,
      "use letters, digits, . _ - and /, and no .. segment",
    )
    .default("events.jsonl")
    .describe("file that gateways append audit events to, relative to their own directory"),
  routes: z
    .array(route)
    .max(1000)
    .default([
      { method: "GET", path: "/healthz", verb: "health:read" },
      { method: "POST", path: "/v1/{region}/tenders", verb: "tender:create" },
      { method: "GET", path: "/v1/{region}/tenders/{tender}", verb: "tender:read" },
      { method: "POST", path: "/v1/{region}/vehicles/{vehicle}/missions", verb: "mission:dispatch" },
      { method: "GET", path: "/v1/{region}/vehicles/{vehicle}/missions/{mission}", verb: "mission:read" },
      { method: "POST", path: "/v1/{region}/vehicles/{vehicle}/telemetry", verb: "telemetry:write" },
    ])
    .describe("what a request means; anything else is refused"),
});

const hour = z.int().min(0).max(24);

const grant = z.strictObject({
  role: name.describe("an application role, as certificates carry it"),
  verbs: z.array(verb).optional(),
  regions: z.array(name).optional(),
  hours: z
    .tuple([hour, hour])
    .refine(([from, to]) => from !== to, "from and to must differ")
    .optional()
    .describe("from <= t < to, in `zone`; past midnight when from > to"),
  days: z.array(z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])).optional(),
});

const policy = z.strictObject({
  zone: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/, "not a time zone: write it as Europe/Berlin")
    .default("UTC")
    .describe("time zone of hours and days"),
  vehicle_prefix: z
    .string()
    .regex(/^spiffe:\/\/[a-z0-9.-]+\/([A-Za-z0-9._-]+\/)*$/, "write it as spiffe://DOMAIN/PATH/")
    .optional()
    .describe(
      "SPIFFE IDs below it speak for the vehicle whose id follows (default: spiffe://DOMAIN/fleet-edge/)",
    ),
  vehicle_roles: z
    .array(name)
    .default(["vehicle_agent"])
    .describe("roles that act for their own vehicle alone"),
  matrix: z
    .array(grant)
    .max(10_000)
    .default([
      { role: "vehicle_agent", verbs: ["telemetry:write", "mission:read", "health:read"] },
      {
        role: "carrier_dispatch",
        verbs: ["tender:create", "tender:read", "mission:dispatch", "mission:read", "health:read"],
      },
    ])
    .describe("who may do what, where and when; a key that is absent restricts nothing"),
});

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
