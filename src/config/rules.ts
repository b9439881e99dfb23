import type { Config } from "./schema.ts";

/** A rule that a configuration breaks, and the path of the key that it is about. */
export interface BrokenRule {
  readonly at: readonly PropertyKey[];
  readonly message: string;
}

/** What a schema cannot say. */
export function brokenRules(config: Config): BrokenRule[] {
  return [
    ...pkiRules(config),
    ...issuerRules(config),
    ...routeRules(config.gateway.routes),
    ...expectationRules(config),
    ...logRules(config),
  ];
}

/** Seconds: a shorter lock protects nothing that an audit could find. */
const MIN_LOG_RETENTION = 30 * 86_400;

function logRules({ logs: { store, retention } }: Config): BrokenRule[] {
  const at = ["logs", "retention"];
  if (retention === undefined) return [];
  if (!/^s3:/i.test(store)) return [{ at, message: "is for a logs.store in S3: s3://BUCKET/PREFIX" }];
  return retention < MIN_LOG_RETENTION ? [{ at, message: "must be 30d or more" }] : [];
}

function pkiRules(config: Config): BrokenRule[] {
  const broken: BrokenRule[] = [];
  if (config.pki.intermediate_ttl > config.pki.root_ttl) {
    broken.push({ at: ["pki", "intermediate_ttl"], message: "must not exceed root_ttl" });
  }
  for (const [name, role] of Object.entries(config.pki.roles)) {
    const at = ["pki", "roles", name];
    if (role.ttl > role.max_ttl) broken.push({ at: [...at, "ttl"], message: "must not exceed max_ttl" });
    if (role.max_ttl > config.pki.intermediate_ttl) {
      broken.push({ at: [...at, "max_ttl"], message: "must not exceed pki.intermediate_ttl" });
    }
  }
  config.pki.rotation.forEach(({ name }, i) => {
    if (config.pki.rotation.findIndex((other) => other.name === name) < i) {
      broken.push({ at: ["pki", "rotation", i, "name"], message: "stands there twice" });
    }
  });
  return broken;
}

/** The section of each issuer that has one. */
const SECTIONS = { vault: "vault", "step-ca": "step_ca" } as const;

function issuerRules({ pki }: Config): BrokenRule[] {
  const broken: BrokenRule[] = [];
  const { issuer, vault } = pki;
  if (issuer === "vault" || issuer === "step-ca") {
    const section = SECTIONS[issuer];
    const at = ["pki", "issuer"];
    if (pki[section] === undefined) broken.push({ at, message: `${issuer} needs pki.${section}` });
    if (pki.trust_anchor === undefined) broken.push({ at, message: `${issuer} needs pki.trust_anchor` });
  }
  if (vault === undefined) return broken;
  const at = ["pki", "vault"];
  const url = new URL(vault.address);
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    broken.push({ at: [...at, "address"], message: "http would send the token in the clear: use https" });
  }
  if ((vault.client_cert === undefined) !== (vault.client_key === undefined)) {
    broken.push({ at: [...at, "client_cert"], message: "client_cert and client_key go together" });
  }
  if (vault.auth.method === "cert" && vault.client_cert === undefined) {
    broken.push({ at: [...at, "auth"], message: "cert needs client_cert and client_key" });
  }
  return broken;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Only a role that clients have can be expected to be served, or not to be. */
function expectationRules({ pki, probe }: Config): BrokenRule[] {
  return probe.expectations.flatMap(({ allowed, denied }, i) => {
    const faults = (list: "allowed" | "denied", roles: readonly string[]) =>
      roles.flatMap((role, k): BrokenRule[] => {
        const at = ["probe", "expectations", i, list, k];
        const known = Object.hasOwn(pki.roles, role) ? pki.roles[role] : undefined;
        if (known?.usages.includes("client") !== true) {
          return [{ at, message: `${role} is no role of pki.roles with usages: [client]` }];
        }
        return list === "denied" && allowed.includes(role) ? [{ at, message: `${role} is allowed too` }] : [];
      });
    return [...faults("allowed", allowed), ...faults("denied", denied)];
  });
}

type Route = Config["gateway"]["routes"][number];

/** A request must mean one thing: no two routes may fit the same one, and a parameter has one value. */
function routeRules(routes: readonly Route[]): BrokenRule[] {
  const broken: BrokenRule[] = [];
  routes.forEach((route, i) => {
    const parameters = route.path.split("/").filter(isParameter);
    if (new Set(parameters).size < parameters.length) {
      broken.push({ at: ["gateway", "routes", i, "path"], message: "names a parameter twice" });
    }
    const rival = routes.slice(0, i).findIndex((earlier) => overlap(earlier, route));
    if (rival >= 0) {
      broken.push({
        at: ["gateway", "routes", i],
        message: `fits some requests that gateway.routes.${rival} fits too`,
      });
    }
  });
  return broken;
}

function overlap(a: Route, b: Route): boolean {
  const [left, right] = [a.path.split("/"), b.path.split("/")];
  return (
    a.method === b.method &&
    left.length === right.length &&
    left.every((part, i) => part === right[i] || isParameter(part) || isParameter(right[i] ?? ""))
  );
}

function isParameter(part: string): boolean {
  return part.startsWith("{");
}
