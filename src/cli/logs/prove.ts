import { join, resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import {
  findRequest,
  openLog,
  type ProvableLog,
  proveConsistency,
  proveRecord,
  type RecordPlace,
} from "../../logs/proof/prove.ts";
import { paceOf } from "../../logs/verify/pace.ts";
import { escapeText } from "../../report/escape.ts";
import { count } from "../../report/quantity.ts";
import type { Cli } from "../command.ts";
import { namedStore, storeToRead } from "./store.ts";
import { refuseOutputsWithin } from "../verify-logs/within-store.ts";

export interface ProveFlags {
  readonly store?: string;
  readonly record?: string;
  readonly requestId?: string;
  readonly from?: string;
  readonly size?: string;
  readonly out?: string;
}

/** More records of one request than this are a sign that it is no request's own id. */
const MAX_PROOFS = 1000;

export async function prove(cli: Cli, flags: ProveFlags): Promise<ExitCode> {
  const { clock, signal } = cli.platform;
  const wanted = [flags.record, flags.requestId, flags.from].filter((flag) => flag !== undefined);
  if (wanted.length !== 1) {
    throw new FleetsecError("usage", "name one of --record, --request-id and --from", {
      hint: "fleetsec logs prove --record 41:17 --out record.tlog-proof",
    });
  }
  const store = await namedStore(cli, flags.store);
  if ("directory" in store) refuseOutputsWithin(cli, store.directory, [["--out", flags.out]]);
  const reader = await storeToRead(cli, store);
  const log = await openLog(reader, paceOf(clock, signal), sizeFlag(flags.size, "--size"));
  if (flags.from !== undefined) {
    return writeOne(cli, flags.out, await proveConsistency(log, sizeFlag(flags.from, "--from") ?? 0), log);
  }
  if (flags.record !== undefined) {
    return writeOne(cli, flags.out, await proveRecord(log, placeFlag(flags.record)), log);
  }
  return writeAll(cli, flags, log, await findRequest(log, flags.requestId ?? "", MAX_PROOFS + 1));
}

async function writeAll(
  cli: Cli,
  { requestId = "", out }: ProveFlags,
  log: ProvableLog,
  { places, tooLong }: Awaited<ReturnType<typeof findRequest>>,
): Promise<ExitCode> {
  const [only] = places;
  if (only === undefined) {
    const hint = `not looked at: ${count(tooLong, "record", "records")} of more than 1 MiB`;
    throw new FleetsecError(
      "not-found",
      `no record has the request_id ${escapeText(requestId)}`,
      tooLong === 0 ? {} : { hint },
    );
  }
  if (places.length > MAX_PROOFS) {
    throw new FleetsecError("input", `more than ${MAX_PROOFS} records have that request_id`, {
      hint: "name those to prove with --record",
    });
  }
  const { files, cwd } = cli.platform;
  const many = out !== undefined && files.kind(resolve(cwd, out)) === "directory";
  if (places.length === 1 && !many) return writeOne(cli, out, await proveRecord(log, only), log);
  if (!many) {
    throw new FleetsecError("usage", `${places.length} records have that request_id`, {
      problems: places.slice(0, 20).map(({ seq, line }) => `--record ${seq}:${line}`),
      hint: "name a directory that is there with --out, for a proof of each",
    });
  }
  const pathOf = ({ seq, line }: RecordPlace) => join(resolve(cwd, out), `${seq}-${line}.tlog-proof`);
  const taken = places.map(pathOf).find((path) => files.kind(path) !== undefined);
  if (taken !== undefined) throw new FleetsecError("exists", `${taken} exists already`);
  const written: { readonly path: string; readonly bytes: number }[] = [];
  for (const place of places) {
    const path = pathOf(place);
    const proof = await proveRecord(log, place);
    files.write(path, proof, { mode: 0o640, exclusive: true });
    written.push({ path, bytes: proof.length });
  }
  return report(cli, log, written);
}

function writeOne(cli: Cli, out: string | undefined, proof: Buffer, log: ProvableLog): ExitCode {
  const { files, cwd, stdout } = cli.platform;
  if (out === undefined || out === "-") {
    if (cli.options.json) throw new FleetsecError("usage", "--json needs --out: the proof goes to stdout");
    stdout.write(proof.toString("utf8"));
    return 0;
  }
  const path = resolve(cwd, out);
  files.write(path, proof, { mode: 0o640, exclusive: true });
  return report(cli, log, [{ path, bytes: proof.length }]);
}

function report(
  { output }: Cli,
  { origin, size }: ProvableLog,
  proofs: readonly { readonly path: string; readonly bytes: number }[],
): ExitCode {
  const document = { schema: "fleetsec.logs-prove/v1", log: { origin, size }, proofs };
  output.result(document, () =>
    proofs.map(({ path, bytes }) => `${escapeText(path)}  ${bytes} bytes`).join("\n"),
  );
  return 0;
}

function placeFlag(text: string): RecordPlace {
  const [, seq = "", line = ""] = /^(\d{1,15}):([1-9]\d{0,14})$/.exec(text) ?? [];
  if (line !== "") return { seq: Number(seq), line: Number(line) };
  throw new FleetsecError("usage", `--record is not SEQ:LINE: ${text}`, {
    hint: "the batch's number, and the record's line in it from 1, as verify-logs names them: 41:17",
  });
}

function sizeFlag(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new FleetsecError("usage", `${flag} is no number of batches: ${text}`);
}
