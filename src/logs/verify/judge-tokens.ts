import type { Certificate } from "../../pki/verify/certificate.ts";
import { formatCheckpoint } from "../checkpoint.ts";
import { tokenPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { MAX_RESPONSE } from "../timestamp/response.ts";
import type { TimeStamp, TokenVerdict } from "../timestamp/verify-token.ts";
import { TILE_WIDTH } from "../tiles.ts";
import { bundleFileOf, leafIn, readBundle } from "./bundle.ts";
import type { HeldToken } from "./examination.ts";
import type { Findings } from "./finding.ts";
import type { History } from "./history.ts";
import { inOrder } from "./in-order.ts";
import type { Inventory } from "./inventory.ts";
import type { Pace } from "./pace.ts";
import type { StoreReader } from "./store.ts";

export interface TokenSource {
  readonly reader: StoreReader;
  readonly inventory: Inventory;
  readonly history: History;
  /** The authorities that are trusted; undefined where the auditor named none. */
  readonly authorities: readonly Certificate[] | undefined;
  /** The tree that the store is held to, and whether its leaves make the signed root. */
  readonly size: number;
  readonly established: boolean | undefined;
  readonly findings: Findings;
  readonly pace: Pace;
}

export interface JudgedTokens {
  /** The newest token that holds. */
  readonly held: readonly HeldToken[];
  /** What could not be checked, and why. */
  readonly unestablished: readonly string[];
}

/** Seconds by which the signer's clock and an authority's may differ, requests on their way included. */
const MAX_SKEW = 300;

/** Verifies every time-stamp token of the store over the checkpoint of its size, and against the leaves' times. */
export async function judgeTokens(source: TokenSource): Promise<JudgedTokens> {
  const { inventory, history, authorities, findings, established, pace } = source;
  const { tokens } = inventory;
  if (tokens.length === 0) return { held: [], unestablished: [] };
  if (authorities === undefined) {
    const count = tokens.length === 1 ? "1 time-stamp token was" : `${tokens.length} time-stamp tokens were`;
    return { held: [], unestablished: [`${count} not checked: --tsa-ca names no authority to trust`] };
  }
  const { verifyToken } = await import("../timestamp/verify-token.ts");
  const { keptResponse, readToken } = await import("../timestamp/response.ts");
  const { current, stored } = history;
  const roots = new Map(
    [...(current === undefined ? [] : [current]), ...stored].map((one) => [one.size, one.root]),
  );
  const unestablished: string[] = [];
  let newest: HeldToken | undefined;
  const { reader } = source;
  const read = inOrder(tokens, reader.abreast, (size) => reader.read(tokenPath(size), MAX_RESPONSE));
  for await (const [size, bytes] of read) {
    await pace();
    const path = tokenPath(size);
    const root = roots.get(size);
    if (root === undefined || history.origin === undefined || size > source.size) {
      // a checkpoint that should be there is missed already
      if (size <= source.size) continue;
      findings.add({ code: "TSR_INVALID", path, detail: "there is no checkpoint of that size" });
      continue;
    }
    if (bytes === undefined) continue;
    const text = Buffer.from(formatCheckpoint({ origin: history.origin, size, root }));
    const verdict = verifyToken(bytes, text, authorities);
    if (!verdict.ok) report(verdict, path, findings, unestablished);
    else if (Buffer.compare(keptResponse(readToken(bytes)), bytes) !== 0) {
      const detail = "what is around its token is not what a store has there: a response that says `granted`";
      findings.add({ code: "TSR_INVALID", path, detail });
    } else if ((await agrees(source, size, verdict.stamp, path)) && established === true) {
      const { stamp } = verdict;
      newest = { kind: "time-stamp", size, source: described(stamp), time: secondsOf(stamp) };
    }
  }
  return { held: newest === undefined ? [] : [newest], unestablished };
}

function secondsOf({ time }: TimeStamp): number {
  return Math.floor(time / 1000);
}

function described({ time, authority }: TimeStamp): string {
  return `${authority} at ${new Date(time).toISOString()}`;
}

function report(
  { established, detail }: TokenVerdict & { readonly ok: false },
  path: string,
  findings: Findings,
  unestablished: string[],
): void {
  if (established) findings.add({ code: "TSR_INVALID", path, detail });
  else if (unestablished.length < 100) unestablished.push(`${path} was not checked: ${detail}`);
}

/** The last batch that the checkpoint has cannot have been closed after it, nor the next one before it. */
async function agrees(source: TokenSource, size: number, stamp: TimeStamp, path: string): Promise<boolean> {
  const { findings } = source;
  const seconds = secondsOf(stamp);
  const last = await leafAt(source, size - 1);
  if (last !== undefined && last.to > seconds + MAX_SKEW) {
    findings.add({
      code: "TIME_ANOMALY",
      seq: size - 1,
      path,
      detail: `the batch is dated ${last.to - seconds} s after the time-stamp over it`,
    });
    return false;
  }
  const next = size < source.size ? await leafAt(source, size) : undefined;
  if (next !== undefined && next.to < seconds - MAX_SKEW) {
    findings.add({
      code: "TIME_REGRESSION",
      seq: size,
      path,
      detail: `the batch is dated ${seconds - next.to} s before a time-stamp over the log that did not have it yet`,
    });
    return false;
  }
  return true;
}

async function leafAt({ reader, inventory, size }: TokenSource, seq: number): Promise<BatchLeaf | undefined> {
  const index = Math.floor(seq / TILE_WIDTH);
  const file = bundleFileOf(inventory, index, size);
  const bundle = file === undefined ? undefined : await readBundle(reader, file.path);
  const entry = bundle?.entries[seq % TILE_WIDTH];
  return entry === undefined ? undefined : leafIn(entry);
}
