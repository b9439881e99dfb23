import { once } from "node:events";
import { durationFlag } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import { escapeText } from "../../report/escape.ts";
import { addressOf, type HostPort } from "../address.ts";
import type { Cli, Define } from "../command.ts";
import { openCa, type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";

interface Flags extends PassphraseFlags {
  readonly listen: string;
  readonly validity: string;
}

/** Half the life of the responder's own certificate, in seconds: it is renewed at half. */
const MAX_VALIDITY = 12 * 3600;

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .requiredOption("--listen <host:port>", "where to listen; port 0 takes a free one")
    .option("--validity <duration>", "how long an answer may be relied on and cached", "10m")
    .action(
      bind(async (cli, flags: Flags) => {
        await serve(cli, flags, addressOf(flags.listen, "--listen", 0));
        return 0;
      }),
    );
};

async function serve(cli: Cli, flags: Flags, { host, port }: HostPort): Promise<void> {
  const { platform, output } = cli;
  const project = requirePki(cli);
  const validity = validityFlag(flags.validity);
  const [{ openResponder }, { startOcspServer }] = await Promise.all([
    import("../../pki/ocsp/responder.ts"),
    import("../../pki/ocsp/server.ts"),
  ]);
  const responder = await openResponder(platform, {
    open: () => openCa(cli, project, flags),
    settings: project.settings,
    validity,
    onFault: ({ message }) => output.warn(`cannot answer: ${escapeText(message)}`),
  });
  const server = await startOcspServer({ host, port, path: pathOf(project.settings.ocspUrl) }, responder);
  try {
    // not before: a responder that cannot listen must not have certificates made
    await responder.ready();
    output.note(`listening on http://${host.includes(":") ? `[${host}]` : host}:${server.port}/`);
    if (!platform.signal.aborted) await once(platform.signal, "abort");
  } finally {
    await server.close();
  }
  throw platform.signal.reason;
}

/** The path of the URL in certificates, with a slash at its end. */
function pathOf(url: string | undefined): string {
  return url === undefined ? "/" : new URL(url).pathname.replace(/\/?$/, "/");
}

function validityFlag(text: string): number {
  const seconds = durationFlag(text, "--validity");
  if (seconds <= MAX_VALIDITY) return seconds;
  throw new FleetsecError("usage", `--validity is more than 12h: ${text}`, {
    hint: "an answer hides a later revocation from who keeps it: minutes are usual",
  });
}
