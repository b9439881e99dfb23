/**
 * Three configurations as different as users' are: the defaults; IPv6, other ports, several
 * upstreams and application roles, hours and regions; and names with every legal character.
 */
export const configs: Readonly<Record<"plain" | "varied" | "unusual", string>> = {
  plain: `version: 1
name: acme
domain: fleet.internal
pki:
  roles:
    gateway: {usages: [server], allowed_domains: [fleet.internal]}
gateway:
  kinds: [nginx, envoy, haproxy]
`,
  varied: `version: 1
name: acme
domain: av.example.com
state: state/pki
pki:
  key_type: rsa3072
  roles:
    gateway: {usages: [server], allowed_domains: [av.example.com]}
gateway:
  kinds: [nginx, envoy, haproxy]
  server_name: edge-1.av.example.com
  listen: "[::1]:9443"
  upstream: [127.0.0.1:9001, "[::1]:9002", "localhost:9003"]
  opa: "[::1]:9181"
  opa_grpc: localhost:9191
  crl: false
  max_body: 4096
  certificate: edge-1
  events: audit.jsonl
  routes:
    - {method: GET, path: /, verb: "health:read"}
    - {method: PUT, path: "/fleets/{fleet}/{region}/vehicles/{vehicle}", verb: "vehicle:replace"}
    - {method: DELETE, path: "/fleets/{fleet}/{region}/vehicles/{vehicle}", verb: "vehicle:retire"}
policy:
  zone: America/New_York
  vehicle_prefix: spiffe://av.example.com/ns/edge/
  vehicle_roles: [vehicle_agent, vehicle_updater]
  matrix:
    - {role: vehicle_agent, verbs: ["vehicle:replace"], regions: [us-east, us-west]}
    - {role: vehicle_updater, verbs: ["vehicle:replace"], hours: [22, 6]}
    - {role: fleet_owner, verbs: ["vehicle:retire", "health:read"], hours: [8, 18], days: [mon, tue, wed, thu, fri]}
    - {role: auditor, verbs: ["health:read"]}
`,
  unusual: `version: 1
name: 0.a_b-c.d--e
domain: xn--bcher-kva.0-0.x
state: "st ate/it's \\\\ 'é' #;{}"
pki:
  roles:
    gateway: {usages: [server], allowed_domains: [xn--bcher-kva.0-0.x], allow_bare_domains: true}
gateway:
  kinds: [nginx, envoy, haproxy]
  server_name: xn--bcher-kva.0-0.x
  certificate: g-a.t--e.0
  upstream: localhost:1
  events: a.-_b
  routes:
    - {method: OPTIONS, path: "/~-_x.y/{a}/{b_c}", verb: "a.b_c-d:0"}
policy:
  zone: Etc/GMT+12
  vehicle_roles: []
  matrix:
    - {role: 0.a_b-c, verbs: [], regions: []}
`,
};
