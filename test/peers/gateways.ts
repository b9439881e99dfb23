import { createServer, type IncomingHttpHeaders } from "node:http";
import { readFileSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { TestLeaf } from "../support/authority.ts";
import { runCli } from "../support/cli.ts";
import type { Engine } from "./engines.ts";
import { type ExtAuthz, startExtAuthz } from "./ext-authz.ts";
import { type EngineProcess, freePorts, startProcess } from "./process.ts";

/**
 * Scaffolded gateways, run for real: nginx or Envoy with what `fleetsec scaffold` wrote, OPA with the
 * scaffolded policy, and a backend that remembers what reached it.
 */

export type GatewayKind = "nginx" | "envoy" | "haproxy";

export interface GatewayEngines {
  readonly nginx?: Engine;
  readonly envoy?: Engine;
  readonly haproxy?: Engine;
  readonly opa: Engine;
}

/** A project of a test's own, with a CA and the gateway's certificate, made by the command line. */
export interface GatewayProject {
  readonly directory: string;
  /** Loopback address that the gateway listens on. */
  readonly host: "127.0.0.1" | "::1";
  readonly ports: { readonly gateway: number; readonly opa: number; readonly opaGrpc: number };
  readonly backends: readonly number[];
  /** The trust bundle, PEM. */
  readonly ca: string;
  readonly at: (path: string) => string;
  /** Runs a command line in the project; @returns its standard output */
  readonly run: (...argv: string[]) => Promise<string>;
  /** Issues a certificate; its chain stands in `cert`. */
  readonly issue: (name: string, role: string, ...flags: string[]) => Promise<TestLeaf>;
}

export interface ProjectOptions {
  readonly host?: GatewayProject["host"];
  readonly backends?: number;
  readonly domain?: string;
  /** Lines of fleetsec.yaml: below `pki:`, below `gateway:` (two spaces in), and at the top. */
  readonly pki?: string;
  readonly gateway?: string;
  readonly rest?: string;
  /** Flags of `cert issue` for the gateway's certificate. */
  readonly certificate?: readonly string[];
}

export async function gatewayProject(
  directory: string,
  options: ProjectOptions = {},
): Promise<GatewayProject> {
  const { host = "127.0.0.1", domain = "fleet.internal" } = options;
  const [opa = 0, opaGrpc = 0, ...backends] = await freePorts(2 + (options.backends ?? 1));
  const [gateway = 0] = await freePorts(1, host);
  const at = (path: string) => join(directory, path);
  const run = async (...argv: string[]) => {
    const { code, stdout, stderr } = await runCli(["--no-input", ...argv], { cwd: directory });
    if (code !== 0) throw new Error(`fleetsec ${argv.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  };
  writeFileSync(
    at("fleetsec.yaml"),
    `version: 1
name: peers
domain: ${domain}
pki:
  roles:
    fleet-edge: {usages: [client], allowed_domains: [${domain}], allowed_uri_sans: ["spiffe://${domain}/fleet-edge/*"], application_roles: [vehicle_agent]}
    tms-connector: {usages: [client], allowed_domains: [${domain}], allowed_uri_sans: ["spiffe://${domain}/tms-connector/*"], application_roles: [carrier_dispatch]}
    gateway: {usages: [server], allowed_domains: [${domain}, localhost], allow_bare_domains: true, allow_ip_sans: true}
${options.pki ?? ""}
gateway:
  listen: "${host === "::1" ? "[::1]" : host}:${gateway}"
  upstream: [${backends.map((port) => `"127.0.0.1:${port}"`).join(", ")}]
  opa: 127.0.0.1:${opa}
  opa_grpc: 127.0.0.1:${opaGrpc}
${options.gateway ?? ""}
${options.rest ?? ""}
`,
  );
  await run("ca", "init", "--insecure-dev-key");
  const issue = async (name: string, role: string, ...flags: string[]) => {
    const { files } = JSON.parse(await run("cert", "issue", name, "--role", role, "--json", ...flags)) as {
      files: { cert: string; key: string; chain: string };
    };
    const read = (path: string) => readFileSync(path, "utf8");
    return { key: read(files.key), cert: read(files.cert) + read(files.chain) };
  };
  await issue("gateway", "gateway", ...(options.certificate ?? []));
  const ca = readFileSync(at(".fleetsec/ca/bundle.pem"), "utf8");
  return { directory, host, ports: { gateway, opa, opaGrpc }, backends, ca, at, run, issue };
}

export interface Seen {
  /** The port of the backend that it reached. */
  readonly backend: number;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RunningGateway {
  readonly host: string;
  readonly port: number;
  /** Requests that reached the backend. */
  readonly seen: Seen[];
  /** What Envoy asked the policy; nginx asks OPA itself. */
  readonly inputs: readonly object[];
  /** Audit events so far. */
  events(): Record<string, unknown>[];
  /** OPA's decision log so far. */
  decisions(): Record<string, unknown>[];
  readonly engine: EngineProcess;
  readonly opa: EngineProcess;
  stop(): Promise<void>;
}

export async function startGateway(
  kind: GatewayKind,
  engines: GatewayEngines,
  project: GatewayProject,
  /** Changes what was scaffolded, before it is run. */
  edit: (directory: string) => void = () => {},
): Promise<RunningGateway> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const one of stops.toReversed()) await one();
  };
  const started = async <T extends { stop(): Promise<void> }>(what: Promise<T>): Promise<T> => {
    const running = await what;
    stops.push(() => running.stop());
    return running;
  };
  try {
    return { ...(await start(kind, engines, project, edit, started)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  kind: GatewayKind,
  engines: GatewayEngines,
  project: GatewayProject,
  edit: (directory: string) => void,
  started: <T extends { stop(): Promise<void> }>(what: Promise<T>) => Promise<T>,
): Promise<Omit<RunningGateway, "stop">> {
  const { host, ports } = project;
  const seen: Seen[] = [];
  await Promise.all(project.backends.map((port) => started(startBackend(port, seen))));
  await project.run("scaffold", kind, "opa", "--force");
  const at = (name: string) => project.at(join("deploy", name));
  edit(at(kind));
  const opa = await started(startOpa(engines.opa, at("opa"), ports.opa, kind));
  const extAuthz: ExtAuthz | undefined =
    kind === "envoy" ? await started(startExtAuthz(ports.opaGrpc, ports.opa)) : undefined;
  const engine = await started(startEngine(kind, engines, at(kind), ports.gateway, host));
  const events = join(at(kind), "events.jsonl");
  return {
    host,
    port: ports.gateway,
    seen,
    inputs: extAuthz?.inputs ?? [],
    // HAProxy writes to its standard output
    events: () => jsonLines(existsSync(events) ? readFileSync(events, "utf8") : engine.output()),
    decisions: () => jsonLines(opa.output()).filter(({ msg }) => msg === "Decision Log"),
    engine,
    opa,
  };
}

function startOpa(opa: Engine, cwd: string, port: number, kind: GatewayKind): Promise<EngineProcess> {
  // the stand-in for Envoy's plugin asks over REST, which the policy for the API does not allow
  const authorization = kind === "envoy" ? [] : ["--authorization=basic"];
  const args = [
    "run",
    "--server",
    "--addr",
    `127.0.0.1:${port}`,
    "--config-file",
    "opa.yaml",
    "--watch",
    ...authorization,
  ];
  return startProcess(opa.path, [...args, "policy"], { cwd, port });
}

/** As the head of each template has it, and to be quick and to stay in the foreground. */
const ENGINE_ARGUMENTS: Readonly<Record<GatewayKind, readonly string[]>> = {
  nginx: ["-p", ".", "-c", "nginx.conf", "-g", "daemon off;"],
  envoy:
    "-c envoy.yaml --use-dynamic-base-id --log-level warning --concurrency 2 --file-flush-interval-msec 50".split(
      " ",
    ),
  haproxy: ["-W", "-db", "-f", "haproxy.cfg"],
};

function startEngine(
  kind: GatewayKind,
  engines: GatewayEngines,
  cwd: string,
  port: number,
  host: string,
): Promise<EngineProcess> {
  const engine = engines[kind];
  if (engine === undefined) throw new Error(`no ${kind} was given`);
  return startProcess(engine.path, ENGINE_ARGUMENTS[kind], { cwd, port, host });
}

async function startBackend(port: number, seen: Seen[]): Promise<{ stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => {
      seen.push({
        backend: port,
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body,
      });
      response.end("from the backend");
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { stop };
}

/** Lines that are JSON objects; what an engine says besides is left out. */
function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
