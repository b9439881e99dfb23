import { resolve } from "node:path";
import type { ExitCode } from "../../errors.ts";
import { MAX_PROOF_SIZE, type ProofVerdict, verifyProof as verify } from "../../logs/proof/verify-proof.ts";
import { MAX_NOTE_SIZE } from "../../logs/note.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";
import { trustFlag } from "../trust-flag.ts";

export interface VerifyProofFlags {
  readonly trust: string;
  readonly origin?: string;
  readonly old?: string;
}

export async function verifyProof(cli: Cli, file: string, flags: VerifyProofFlags): Promise<ExitCode> {
  const { files, cwd, clock } = cli.platform;
  const verdict = verify({
    proof: files.read(resolve(cwd, file), MAX_PROOF_SIZE),
    trust: await trustFlag(cli, flags.trust, flags.origin),
    old: flags.old === undefined ? undefined : files.read(resolve(cwd, flags.old), MAX_NOTE_SIZE),
    now: Math.floor(clock.now() / 1000),
  });
  cli.output.result(documentOf(verdict), () => textOf(verdict));
  return verdict.ok ? 0 : 1;
}

function documentOf({ log, record, old, ...rest }: ProofVerdict) {
  const withRoot = <T extends { readonly root: Uint8Array }>(value: T) => ({
    ...value,
    root: Buffer.from(value.root).toString("base64"),
  });
  return {
    schema: "fleetsec.verify-proof/v1",
    ...rest,
    ...(log === undefined ? {} : { log: withRoot({ origin: log.origin, size: log.size, root: log.root }) }),
    ...(record === undefined ? {} : { record: { ...record, bytes: record.bytes.toString("base64") } }),
    ...(old === undefined ? {} : { old: withRoot(old) }),
  };
}

function textOf({ ok, log, record, old, witnesses, findings }: ProofVerdict): string {
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  const batches = (size: number) => `${size} ${size === 1 ? "batch" : "batches"}`;
  const name = escapeText(log?.origin ?? "");
  const lines = [
    ...(log === undefined ? [] : [`log        ${name}, ${batches(log.size)}`]),
    ...(witnesses.length === 0 ? [] : [`witnesses  ${escapeText(witnesses.join(", "))}`]),
    // what did not hold is not said to
    ...(old === undefined ? [] : [`${ok ? "extends  " : "older    "}  the log at ${batches(old.size)}`]),
    ...(record === undefined
      ? []
      : [
          `record     batch ${record.seq}, line ${record.line}`,
          `signed in  ${time(record.from)} to ${time(record.to)}, by the signer's clock`,
          "",
          escapeText(record.bytes.toString("utf8")),
        ]),
    "",
    ...findings.map(({ code, detail }) => `${code}  ${escapeText(detail)}`),
    ok
      ? `${record === undefined ? "CONSISTENT: the log" : "PROVED: the record is in the log"} ${name}`
      : "NOT PROVED",
  ];
  return lines.join("\n");
}
