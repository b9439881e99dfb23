import type { Config } from "./schema.ts";

/** A rule that a configuration breaks, and the path of the key that it is about. */
export interface BrokenRule {
  readonly at: readonly PropertyKey[];
  readonly message: string;
}

/** What a schema cannot say. */
export function brokenRules(config: Config): BrokenRule[] {
  return [...pkiRules(config), ...routeRules(config.gateway.routes)];
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
