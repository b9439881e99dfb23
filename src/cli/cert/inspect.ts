import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import type { GatewayTrust, GatewayView, PolicyTerms } from "../../pki/verify/gateway-view.ts";
import type { CertificateSource } from "../../report/cert-inspect.ts";
import { escapeText } from "../../report/escape.ts";
import { type HostPort, parseAddress } from "../address.ts";
import type { Cli, Define } from "../command.ts";
import { findProject } from "../project.ts";
import { collect } from "../repeated-flag.ts";
import { projectTrust } from "./trust.ts";

interface Flags {
  readonly timeout: string;
  readonly ca?: readonly string[];
  readonly crl?: readonly string[];
}

export const define: Define = (command, bind) => {
  command
    .argument("<file|host:port>", "PEM or DER file, or a TLS server")
    .option("--timeout <seconds>", "how long a server may take", "10")
    .option(
      "--ca <file>",
      "roots that a gateway trusts (repeatable; default: the project's, with its CRLs)",
      collect,
    )
    .option("--crl <file>", "CRLs that a gateway checks (repeatable)", collect)
    .action(
      bind(async (cli, what: string, flags: Flags) => {
        const { describeCertificate } = await import("../../pki/verify/describe.ts");
        const { certInspectDocument, certInspectText } = await import("../../report/cert-inspect.ts");
        const { styleFor } = await import("../../report/style.ts");
        const timeout = timeoutFlag(flags.timeout);
        const endpoint = endpointOf(cli, what);
        const found =
          endpoint === undefined ? await inFile(cli, what) : await atEndpoint(cli, what, endpoint, timeout);
        const at = cli.platform.clock.now();
        const certificates = found.certificates.map((certificate) => describeCertificate(certificate, at));
        const gateway = await asGatewaySees(cli, found, flags, endpoint?.host, at);
        const result = { source: found.source, certificates, gateway, at };
        const style = await styleFor(cli.output.color.stdout);
        cli.output.result(certInspectDocument(result), () =>
          certInspectText(result, cli.output.columns, style),
        );
        return 0;
      }),
    );
};

interface Found {
  readonly source: CertificateSource;
  readonly certificates: readonly Certificate[];
}

/** A file of that name comes first. */
function endpointOf(cli: Cli, what: string): HostPort | undefined {
  const { files, cwd } = cli.platform;
  const address = parseAddress(what);
  return address === undefined || files.kind(resolve(cwd, what)) !== undefined ? undefined : address;
}

async function inFile({ platform }: Cli, file: string): Promise<Found> {
  const { MAX_CERTIFICATE_FILE, readCertificates } = await import("../../pki/verify/pem.ts");
  const path = resolve(platform.cwd, file);
  if (file.includes(":") && platform.files.kind(path) === undefined) {
    throw new FleetsecError("usage", `there is no such file, and it is not HOST:PORT: ${file}`, {
      hint: "write a server without a scheme, with a port up to 65535, and an IPv6 address in brackets",
    });
  }
  const data = platform.files.read(path, MAX_CERTIFICATE_FILE);
  return { source: { type: "file", file }, certificates: readCertificates(data, file) };
}

async function atEndpoint(
  { platform }: Cli,
  endpoint: string,
  { host, port }: HostPort,
  timeout: number,
): Promise<Found> {
  const { presentedBy } = await import("../../pki/verify/endpoint.ts");
  const { parseCertificate } = await import("../../pki/verify/certificate.ts");
  const { address, tls, chain } = await presentedBy({ host, port, timeout }, platform);
  return {
    source: { type: "endpoint", endpoint, address, tls },
    certificates: chain.map((der) => parseCertificate(der, `certificate of ${endpoint}`)),
  };
}

/** What a gateway would make of the first certificate; undefined where nothing is trusted. */
async function asGatewaySees(
  cli: Cli,
  found: Found,
  flags: Flags,
  host: string | undefined,
  at: number,
): Promise<GatewayView | undefined> {
  try {
    return await viewOf(cli, found, flags, host, at);
  } catch (error) {
    // what was asked for is shown all the same, unless more was asked for
    if (!(error instanceof FleetsecError) || flags.ca !== undefined || flags.crl !== undefined) throw error;
    cli.output.warn(`what a gateway would make of it is not known: ${escapeText(error.message)}`);
    return undefined;
  }
}

async function viewOf(
  cli: Cli,
  { certificates }: Found,
  flags: Flags,
  host: string | undefined,
  at: number,
): Promise<GatewayView | undefined> {
  const [certificate] = certificates;
  const trust = await gatewayTrust(cli, certificates, flags);
  if (certificate === undefined || trust === undefined) return undefined;
  const { gatewayView } = await import("../../pki/verify/gateway-view.ts");
  const { describeCertificate } = await import("../../pki/verify/describe.ts");
  const { parsePeerName } = await import("../../pki/verify/peer-name.ts");
  const description = describeCertificate(certificate, at);
  const peer = host === undefined ? undefined : parsePeerName(host);
  return gatewayView({ certificate, description, trust, terms: await policyTerms(cli), peer, at });
}

async function gatewayTrust(
  cli: Cli,
  presented: readonly Certificate[],
  flags: Flags,
): Promise<GatewayTrust | undefined> {
  const { files, cwd } = cli.platform;
  const own = flags.ca === undefined ? await projectTrust(cli) : undefined;
  const absolute = (paths: readonly string[] | undefined) => paths?.map((path) => resolve(cwd, path));
  const anchors = own?.anchors ?? absolute(flags.ca);
  if (anchors === undefined) return undefined;
  const { MAX_CERTIFICATE_FILE, MAX_CRL_FILE, readCertificates, readCrls } =
    await import("../../pki/verify/pem.ts");
  const read = (path: string) => readCertificates(files.read(path, MAX_CERTIFICATE_FILE), path);
  const crls = absolute(flags.crl) ?? own?.crls;
  return {
    anchors: anchors.flatMap(read),
    intermediates: [...presented, ...(own?.untrusted.flatMap(read) ?? [])],
    crls: crls?.flatMap((path) => readCrls(files.read(path, MAX_CRL_FILE), path)),
  };
}

/** What `scaffold opa` makes of the project's policy. */
async function policyTerms(cli: Cli): Promise<PolicyTerms | undefined> {
  const project = findProject(cli);
  if (project === undefined) return undefined;
  const { templateSettings } = await import("../template-settings.ts");
  const { domain, policy } = templateSettings(project);
  return {
    trustDomain: domain,
    vehiclePrefix: policy.vehiclePrefix,
    roles: policy.matrix.map(({ role }) => role),
  };
}

/** Seconds to milliseconds; an hour at most. */
function timeoutFlag(text: string): number {
  const seconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= 3600) return seconds * 1000;
  throw new FleetsecError("usage", `--timeout is not a number of seconds: ${text}`, {
    hint: "write a number from 0.001 to 3600",
  });
}
