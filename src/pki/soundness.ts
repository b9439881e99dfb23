import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type Authority, type CaGeneration, caFiles } from "./authority.ts";
import { chainFault, notBegun } from "./ca-chain.ts";
import { readRecord } from "./ca-rotation/record.ts";
import { readRootCrl } from "./crl-evidence.ts";
import { isInBundle } from "./published.ts";
import { generationDirectory, type StateLayout } from "./state.ts";
import type { Crl } from "./verify/crl.ts";
import { fingerprintOf } from "./verify/describe.ts";

/** Where the CA generations lie, and all that are trusted, the newest last. */
interface Trusted {
  readonly layout: Pick<StateLayout, "authorities">;
  readonly trusted: readonly CaGeneration[];
}

/** What a CA generation is good for. */
export interface Soundness {
  /** What keeps it from issuing certificates that are valid. */
  readonly faults: readonly FleetsecError[];
  /** Why it could not be told whether its key is at hand. */
  readonly unknown: FleetsecError | undefined;
}

/**
 * Whether a CA generation is whole and works: a root that signed itself and its issuing CA, both CAs by
 * the path validator, the root's CRL by that root, the CA that `ca rotate begin` made where that is on
 * record, and the issuing CA's key, which is unlocked. The root's key may be kept elsewhere; one that is
 * there must be its own. The issuing CA's CRL is held to it by whoever opens the CA.
 * @param now milliseconds since the epoch
 */
export async function soundnessOf(
  files: Files,
  authority: Authority,
  ca: CaGeneration,
  now: number,
): Promise<Soundness> {
  const { layout } = authority;
  const seen = publicFaults(files, authority, ca, now);
  if (seen.length > 0) return { faults: seen, unknown: undefined };
  const issuing = await keyOutcome(() => authority.signer(ca));
  const rootKey = join(generationDirectory(layout, ca.number), caFiles.rootKey);
  const root = files.kind(rootKey) === undefined ? {} : await keyOutcome(() => authority.rootSigner(ca));
  return {
    faults: [issuing, root].flatMap(({ fault }) => fault ?? []),
    unknown: issuing.unknown,
  };
}

/** The same of every generation that is trusted. */
export async function soundnessOfAll(files: Files, authority: Authority, now: number): Promise<Soundness> {
  const all: Soundness[] = [];
  for (const ca of authority.trusted) all.push(await soundnessOf(files, authority, ca, now));
  return {
    faults: all.flatMap(({ faults }) => faults),
    unknown: all.find(({ unknown }) => unknown !== undefined)?.unknown,
  };
}

/**
 * What everybody can see of a CA generation that is wrong: its certificates, its root's CRL, and whether it
 * is the one that `ca rotate begin` made.
 * @param now milliseconds since the epoch; without it, age is not looked at
 */
export function publicFaults(
  files: Files,
  all: Trusted,
  ca: CaGeneration,
  now?: number,
): readonly FleetsecError[] {
  const { layout } = all;
  const crlPath = join(generationDirectory(layout, ca.number), caFiles.rootCrl);
  try {
    const crl = readRootCrl(files, crlPath, ca.root);
    const fault = chainFault(layout, ca) ?? (now === undefined ? undefined : faultNow(layout, ca, now, crl));
    return [fault, recordFault(files, all, ca)].flatMap((found) => found ?? []);
  } catch (error) {
    if (error instanceof FleetsecError) return [error];
    throw error;
  }
}

/** A root's CRL that begins in the future is stale, and no damage. */
function faultNow(
  layout: Trusted["layout"],
  ca: CaGeneration,
  now: number,
  crl: Crl | undefined,
): FleetsecError | undefined {
  const begun = crl && { ...crl, thisUpdate: ca.root.notBefore };
  return notBegun(ca, now) ?? chainFault(layout, ca, now, begun);
}

/**
 * Only CAs of the project's own are published.
 * @throws FleetsecError `state`, or `input` for a damaged CRL of a root
 */
export function requirePublishable(files: Files, all: Trusted): void {
  const [fault] = all.trusted.flatMap((ca) => publicFaults(files, all, ca));
  if (fault !== undefined) throw fault;
}

/**
 * A CA that is whole, and another than the one that was made, is not noticed otherwise. Without a record,
 * what gateways have read already shows that it is the one.
 */
function recordFault(
  files: Files,
  { layout, trusted }: Trusted,
  ca: CaGeneration,
): FleetsecError | undefined {
  const directory = generationDirectory(layout, ca.number);
  const record = readRecord(files, layout);
  if (record?.to !== ca.number) {
    const isSuccessor = ca === trusted.at(-1) && trusted.some(({ id }) => id !== ca.id);
    if (!isSuccessor || isInBundle(files, layout.authorities, ca.number)) return undefined;
    return new FleetsecError(
      "state",
      `nothing shows that ${directory} is the CA that fleetsec ca rotate begin made: it is neither on record in rotation.json nor in bundle.pem`,
      { hint: "restore these files; fleetsec ca rotate abort drops that CA" },
    );
  }
  if (record.root === fingerprintOf(ca.root) && record.issuing === fingerprintOf(ca.issuing))
    return undefined;
  return new FleetsecError(
    "state",
    `${directory} is not the CA that fleetsec ca rotate begin made and published`,
    { hint: "find out who put it there; fleetsec ca rotate abort drops it" },
  );
}

/** What shows that a key is not the one that is needed; anything else leaves that open. */
const SHOWN: readonly string[] = ["not-found", "state", "input", "permission"];

async function keyOutcome(
  open: () => Promise<unknown>,
): Promise<{ readonly fault?: FleetsecError; readonly unknown?: FleetsecError }> {
  try {
    await open();
    return {};
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return SHOWN.includes(error.code) ? { fault: error } : { unknown: error };
  }
}
