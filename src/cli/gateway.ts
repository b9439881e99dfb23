import { join, resolve } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import { FleetsecError } from "../errors.ts";
import type { EventSink } from "../gateway/events.ts";
import { addressOf } from "./address.ts";
import type { Cli, Define } from "./command.ts";
import { requireProject } from "./project.ts";

interface GatewayFlags {
  readonly name: string;
  readonly listen?: string;
  readonly upstream?: string;
  readonly echo?: true;
  readonly allowRole?: readonly string[];
  readonly auditLog?: string;
}

/** Milliseconds between looks at the certificates. */
const RELOAD_INTERVAL = 1_000;

export const define: Define = (command, bind) => {
  command
    .description(
      "Run the embedded mTLS gateway, for development and tests: it demands client certificates of the\n" +
        "dev CA, checks their application roles, passes the identity on (RFC 9440) and writes audit events.",
    )
    .option("--name <name>", "the certificate to serve, by its name in the state directory", "gateway")
    .option("--listen <host:port>", "where to listen (default: gateway.listen); port 0 takes a free one")
    .option("--upstream <host:port>", "where requests go (default: gateway.upstream)")
    .option("--echo", "no upstream: answer with what is known of the client")
    .option("--allow-role <role...>", "application roles that may pass (default: those of every client role)")
    .option("--audit-log <file>", "append audit events there, one JSON object a line (default: stdout)")
    .action(
      bind(async (cli, flags: GatewayFlags) => {
        await serve(cli, flags);
        return 0;
      }),
    );
};

async function serve(cli: Cli, flags: GatewayFlags): Promise<void> {
  const { platform, output } = cli;
  const project = requireProject(cli);
  const { startGateway } = await import("../gateway/gateway.ts");
  const options = await optionsOf(cli, project, flags);
  const audit = auditSink(cli, flags.auditLog);
  // a log that cannot be written is found out before anybody is let in
  if (flags.auditLog !== undefined) platform.files.appendEvent(resolve(platform.cwd, flags.auditLog), "");
  const gateway = await startGateway(options, platform, audit.emit);
  const { host } = options;
  output.note(`listening on https://${host.includes(":") ? `[${host}]` : host}:${gateway.port}/`);
  try {
    // polling by time sees every change that a rename of a symlink makes, on every file system
    const signal = AbortSignal.any([platform.signal, audit.failed]);
    for (;;) {
      await platform.clock.sleep(RELOAD_INTERVAL, signal);
      try {
        if (gateway.reload()) output.note("certificates reloaded");
      } catch (error) {
        if (!(error instanceof FleetsecError)) throw error;
        output.warn(`the old certificates stay in use: ${error.message}`);
      }
    }
  } finally {
    await gateway.close();
  }
}

async function optionsOf(cli: Cli, { config, directory }: LoadedConfig, flags: GatewayFlags) {
  const [{ layoutFor }, { checkName }] = await Promise.all([
    import("../pki/state.ts"),
    import("../pki/roles.ts"),
  ]);
  checkName(flags.name);
  const layout = layoutFor(resolve(directory, config.state), config.pki.issuer);
  // one file, so that the certificate and the key in it always match
  const bundle = join(layout.certificates, flags.name, "current", "bundle.pem");
  const clients = Object.values(config.pki.roles).filter(({ usages }) => usages.includes("client"));
  return {
    ...addressOf(flags.listen ?? config.gateway.listen, "--listen", 0),
    credentials: {
      cert: bundle,
      key: bundle,
      clientCa: layout.trustBundle,
      ...(cli.platform.files.kind(layout.crl) === undefined ? {} : { crl: layout.crl }),
    },
    allowedRoles: allowedRoles(
      clients.flatMap((role) => role.application_roles),
      flags.allowRole,
    ),
    ...(flags.echo === true
      ? {}
      : { upstream: addressOf(flags.upstream ?? config.gateway.upstream[0] ?? "", "--upstream") }),
  };
}

/** @throws FleetsecError `usage` for a role that no certificate of the project can have */
function allowedRoles(known: readonly string[], asked: readonly string[] = known): readonly string[] {
  const unknown = asked.find((role) => !known.includes(role));
  if (unknown === undefined) return asked;
  throw new FleetsecError("usage", `no role gives clients the application role ${unknown}`, {
    hint: `application roles in the configuration: ${known.join(", ") || "none"}`,
  });
}

/** `failed` is aborted when an event cannot be written: a gateway that cannot audit does not go on. */
function auditSink({ platform }: Cli, path: string | undefined): { emit: EventSink; failed: AbortSignal } {
  const failure = new AbortController();
  const file = path === undefined ? undefined : resolve(platform.cwd, path);
  return {
    failed: failure.signal,
    emit(event) {
      const line = `${JSON.stringify(event)}\n`;
      try {
        if (file === undefined) platform.stdout.write(line);
        else platform.files.appendEvent(file, line);
        return true;
      } catch (error) {
        failure.abort(error);
        return false;
      }
    },
  };
}
