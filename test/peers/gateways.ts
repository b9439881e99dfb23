import { createServer, type IncomingHttpHeaders } from "node:http";
import { readFileSync, writeFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCli } from "../support/cli.ts";
import type { Engine } from "./engines.ts";
import { type ExtAuthz, startExtAuthz } from "./ext-authz.ts";
import { type EngineProcess, freePorts, startProcess } from "./process.ts";

/**
 * Scaffolded gateways, run for real: nginx or Envoy with what `fleetsec scaffold` wrote, OPA with the
 * scaffolded policy, and a backend that remembers what reached it.
 */

export interface GatewayEngines {
  readonly nginx?: Engine;
  readonly envoy?: Engine;
  readonly opa: Engine;
}

export interface GatewayProject {
  /** Where fleetsec.yaml is written; the state (CA bundle, CRL, gateway's certificate) must be in place. */
  readonly directory: string;
  /** Lines of fleetsec.yaml below `gateway:`, two spaces in; addresses are chosen here. */
  readonly gateway?: string;
  /** Further top-level lines. */
  readonly rest?: string;
  readonly domain?: string;
  /** Loopback address to listen on. */
  readonly host?: "127.0.0.1" | "::1";
  readonly backends?: number;
}

export interface Seen {
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
  kind: "nginx" | "envoy",
  engines: GatewayEngines,
  project: GatewayProject,
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
    return { ...(await start(kind, engines, project, started)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  kind: "nginx" | "envoy",
  engines: GatewayEngines,
  project: GatewayProject,
  started: <T extends { stop(): Promise<void> }>(what: Promise<T>) => Promise<T>,
): Promise<Omit<RunningGateway, "stop">> {
  const host = project.host ?? "127.0.0.1";
  const seen: Seen[] = [];
  const backends = await Promise.all(
    Array.from({ length: project.backends ?? 1 }, () => started(startBackend(seen))),
  );
  const [opaPort = 0, grpcPort = 0] = await freePorts(2);
  const [port = 0] = await freePorts(1, host);
  const listen = host === "::1" ? `[::1]:${port}` : `${host}:${port}`;
  const config = join(project.directory, "fleetsec.yaml");
  writeFileSync(
    config,
    [
      "version: 1",
      "name: peers",
      `domain: ${project.domain ?? "fleet.internal"}`,
      "gateway:",
      `  kinds: [${kind}]`,
      `  listen: "${listen}"`,
      `  upstream: [${backends.map((backend) => `"127.0.0.1:${backend.port}"`).join(", ")}]`,
      `  opa: 127.0.0.1:${opaPort}`,
      `  opa_grpc: 127.0.0.1:${grpcPort}`,
      project.gateway ?? "",
      project.rest ?? "",
      "",
    ].join("\n"),
  );
  const scaffolded = await runCli(["scaffold", "--force", "--config", config]);
  if (scaffolded.code !== 0) throw new Error(`scaffold ended with ${scaffolded.code}: ${scaffolded.stderr}`);
  const at = (name: string) => join(project.directory, "deploy", name);
  const opa = await started(startOpa(engines.opa, at("opa"), opaPort, kind));
  const extAuthz: ExtAuthz | undefined =
    kind === "envoy" ? await started(startExtAuthz(grpcPort, opaPort)) : undefined;
  const engine = await started(startEngine(kind, engines, at(kind), port, host));
  const events = join(at(kind), "events.jsonl");
  return {
    host,
    port,
    seen,
    inputs: extAuthz?.inputs ?? [],
    events: () => (existsSync(events) ? jsonLines(readFileSync(events, "utf8")) : []),
    decisions: () => jsonLines(opa.output()).filter(({ msg }) => msg === "Decision Log"),
    engine,
    opa,
  };
}

function startOpa(opa: Engine, cwd: string, port: number, kind: "nginx" | "envoy"): Promise<EngineProcess> {
  // the stand-in for Envoy's plugin asks over REST, which the policy for the API does not allow
  const authorization = kind === "nginx" ? ["--authorization=basic"] : [];
  const args = [
    "run",
    "--server",
    "--addr",
    `127.0.0.1:${port}`,
    "--config-file",
    "opa.yaml",
    ...authorization,
  ];
  return startProcess(opa.path, [...args, "policy"], { cwd, port });
}

function startEngine(
  kind: "nginx" | "envoy",
  engines: GatewayEngines,
  cwd: string,
  port: number,
  host: string,
): Promise<EngineProcess> {
  const engine = engines[kind];
  if (engine === undefined) throw new Error(`no ${kind} was given`);
  const args =
    kind === "nginx"
      ? ["-p", cwd, "-c", "nginx.conf", "-g", "daemon off;"]
      : [
          "-c",
          "envoy.yaml",
          "--use-dynamic-base-id",
          "--log-level",
          "warning",
          "--concurrency",
          "2",
          "--file-flush-interval-msec",
          "50",
        ];
  return startProcess(engine.path, args, { cwd, port, host });
}

interface Backend {
  readonly port: number;
  stop(): Promise<void>;
}

async function startBackend(seen: Seen[]): Promise<Backend> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      response.end("from the backend");
    });
  });
  const [port = 0] = await freePorts(1);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, stop };
}

/** Lines that are JSON objects; what an engine says besides is left out. */
function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The directory that nginx and Envoy read the gateway's certificate from. */
export function gatewayCertificate(directory: string): string {
  return dirname(join(directory, ".fleetsec", "certs", "gateway", "current", "bundle.pem"));
}
