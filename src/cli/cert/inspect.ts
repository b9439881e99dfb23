import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import type { CertificateSource } from "../../report/cert-inspect.ts";
import { type HostPort, parseAddress } from "../address.ts";
import type { Cli, Define } from "../command.ts";

interface Flags {
  readonly timeout: string;
}

export const define: Define = (command, bind) => {
  command
    .argument("<file|host:port>", "PEM or DER file, or a TLS server")
    .option("--timeout <seconds>", "how long a server may take", "10")
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
        const result = { source: found.source, certificates, at };
        cli.output.result(certInspectDocument(result), () =>
          certInspectText(result, cli.output.columns, styleFor(cli.output.color.stdout)),
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
  const data = platform.files.read(resolve(platform.cwd, file), MAX_CERTIFICATE_FILE);
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

/** Seconds to milliseconds; an hour at most. */
function timeoutFlag(text: string): number {
  const seconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0 && seconds <= 3600) return seconds * 1000;
  throw new FleetsecError("usage", `--timeout is not a number of seconds: ${text}`, {
    hint: "write a number from 0.001 to 3600",
  });
}
