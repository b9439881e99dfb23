import { z } from "zod";
import { dnsName, hostPort, name } from "./scalars.ts";

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

/** What scaffolded gateways are, and what a request means to them. */
export const gateway = z.strictObject({
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

/** Who may make it. */
export const policy = z.strictObject({
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
