import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type DerReader, derReader, malformed, readSingle, tags } from "./der/read.ts";
import { smallIntegerOf } from "./der/values.ts";
import { type Inventory, openInventory } from "./inventory.ts";
import { oids } from "./oids.ts";
import { readExtensions } from "./verify/extensions.ts";
import { MAX_CRL_FILE } from "./verify/pem.ts";

/**
 * Lines that are cut off the end of an inventory leave one that is whole. What shows them is what was
 * made from it: a CRL is published after the record of its number, and never before.
 */
export interface OwnCrl {
  readonly number: number;
  /** As certificates have them. Read when asked for: there may be a hundred thousand. */
  serials(): Iterable<string>;
}

/**
 * The CRL of an issuing CA on disk, as far as it tells of the inventory: its signature is not looked
 * at. Undefined where there is none.
 * @throws FleetsecError `state` where it is damaged
 */
export function readOwnCrl(files: Files, path: string): OwnCrl | undefined {
  if (files.kind(path) === undefined) return undefined;
  try {
    const text = files.readText(path, MAX_CRL_FILE);
    // its lines are passed over; what is no base64 makes no DER
    const der = Buffer.from(text.slice(text.indexOf("\n"), text.lastIndexOf("-----END")), "base64");
    return ownCrl(der, path);
  } catch (error) {
    if (!(error instanceof FleetsecError) || error.code !== "input") throw error;
    throw new FleetsecError("state", `${path} is damaged: ${error.message}`, {
      hint: "nothing was changed; restore the file, or remove it and run fleetsec ca crl, which makes it from the inventory",
      cause: error,
    });
  }
}

/** Passes over the entries in one step. */
function ownCrl(der: Uint8Array, what: string): OwnCrl {
  const signed = derReader(readSingle(der, tags.sequence, what).contents, what);
  const tbs = derReader(signed.next(tags.sequence).contents, what);
  tbs.next(tags.integer);
  tbs.next(tags.sequence);
  tbs.next(tags.sequence);
  tbs.next();
  tbs.next();
  const entries = tbs.optional(tags.sequence);
  return {
    number: numberIn(tbs, what),
    serials: () => (entries === undefined ? [] : serialsIn(Buffer.from(entries.contents), what)),
  };
}

/** Entries as they are written here are looked at in place: as elements, a hundred thousand take six times as long. */
function* serialsIn(entries: Buffer, what: string): Generator<string> {
  for (let at = 0; at < entries.length;) {
    const size = entries[at + 1] ?? 0;
    const tag = entries[at + 2];
    const length = entries[at + 3] ?? 0;
    const first = entries[at + 4] ?? 0;
    const isPlain =
      entries[at] === tags.sequence && size < 0x80 && tag === tags.integer && length + 2 <= size;
    const end = at + 2 + size;
    if (!isPlain || length === 0 || length >= 0x80 || first >= 0x80 || end > entries.length)
      throw malformed(what, "an entry of another form");
    const from = at + 4 + (first === 0 && length > 1 ? 1 : 0);
    yield entries.toString("hex", from, at + 4 + length).toUpperCase();
    at = end;
  }
}

function numberIn(tbs: DerReader, what: string): number {
  const extensions = readExtensions(tbs.next(tags.constructed(0)).contents, what);
  const value = extensions.find(({ oid }) => oid === oids.crlNumber)?.value ?? new Uint8Array(0);
  return smallIntegerOf(readSingle(value, tags.integer, what), what);
}

/** Where the CRL of a CA generation lies. */
export interface CrlPlace {
  readonly authority: number;
  readonly path: string;
}

/**
 * The inventory of a CA, which is opened and refreshed only where no CRL on disk is ahead of it.
 * @param path of the inventory
 * @throws FleetsecError `state` where it lacks what a CRL has, and as `openInventory`
 */
export function openWitnessed(files: Files, path: string, crls: readonly CrlPlace[]): Inventory {
  const numbersNow = numberReader(files, crls);
  // before the inventory: who publishes meanwhile writes there first
  const published = numbersNow();
  const inventory = openInventory(files, path);
  requireNumbers(inventory, path, published);
  return {
    ...inventory,
    refresh() {
      const latest = numbersNow();
      inventory.refresh();
      requireNumbers(inventory, path, latest);
    },
  };
}

interface Numbered extends CrlPlace {
  readonly number: number;
  readonly stamp: string;
}

/** Reads the numbers of CRLs, each again only where its file is another. */
function numberReader(files: Files, crls: readonly CrlPlace[]): () => readonly Numbered[] {
  const known = new Map<string, Numbered>();
  return () => {
    for (const { authority, path } of crls) {
      if (files.kind(path) === undefined) continue;
      const { id, size, mtime } = files.stat(path);
      const stamp = `${id} ${size} ${mtime}`;
      if (known.get(path)?.stamp === stamp) continue;
      known.set(path, { authority, path, stamp, number: readOwnCrl(files, path)?.number ?? 0 });
    }
    return [...known.values()];
  };
}

function requireNumbers(inventory: Inventory, inventoryPath: string, published: readonly Numbered[]): void {
  for (const { authority, path, number } of published) {
    const recorded = inventory.newestCrl(authority)?.number ?? 0;
    if (number > recorded)
      throw wasCut(inventoryPath, `${path} has number ${number}, and the last on record is ${recorded}`);
  }
}

/**
 * To be called before a CRL is replaced: nothing that stands on it is ever missing from the inventory.
 * @param inventoryPath for messages
 * @throws FleetsecError `state`
 */
export function requireEntries(
  files: Files,
  inventory: Inventory,
  inventoryPath: string,
  { authority, path }: CrlPlace,
): void {
  const known = new Set(inventory.revocations(authority).map(({ serial }) => serial));
  for (const serial of readOwnCrl(files, path)?.serials() ?? []) {
    if (!known.has(serial))
      throw wasCut(inventoryPath, `${path} revokes ${serial}, of which nothing is on record`);
  }
}

function wasCut(path: string, evidence: string): FleetsecError {
  return new FleetsecError("state", `the end of ${path} is missing: ${evidence}`, {
    hint: "nothing was changed; restore the newest inventory, or the whole state directory as it was at one time",
  });
}
