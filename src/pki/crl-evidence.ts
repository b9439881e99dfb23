import { dirname } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type DerReader, derReader, type Element, malformed, readSingle, tags } from "./der/read.ts";
import { smallIntegerOf } from "./der/values.ts";
import { type Inventory, openInventory } from "./inventory.ts";
import { oids } from "./oids.ts";
import type { Certificate } from "./verify/certificate.ts";
import type { Crl } from "./verify/crl.ts";
import { readExtensions } from "./verify/extensions.ts";
import { readPublicKey } from "./verify/key.ts";
import { displayName, type Name, readName } from "./verify/name.ts";
import { MAX_CRL_FILE, readCrls } from "./verify/pem.ts";
import { signatureFault } from "./verify/signature.ts";
import { readSigned, type Signed } from "./verify/signed.ts";

/**
 * Lines that are cut off the end of an inventory leave one that is whole. What shows them is what was
 * made from it: a CRL is published after the record of its number, and never before.
 */
export interface OwnCrl {
  readonly number: number;
  /** As certificates have them. Read when asked for: there may be a hundred thousand. */
  serials(): Iterable<string>;
}

/** Where the CRL of a CA generation lies, and whose it is. */
export interface CrlPlace {
  readonly authority: number;
  readonly path: string;
  /** The issuing CA's certificate. */
  readonly ca: Certificate;
}

const RESTORE =
  "nothing was changed; restore the file, or run fleetsec ca crl --from-inventory, which makes it from the inventory alone";

/**
 * The CRL of an issuing CA on disk, as far as it tells of the inventory. Only one that this CA signed
 * tells anything.
 * @throws FleetsecError `state` where it is missing, damaged or another CA's
 */
export function readOwnCrl(files: Files, { path, ca }: Omit<CrlPlace, "authority">): OwnCrl {
  // a generation is made with its CRL, which is then only replaced by rename
  if (files.kind(path) === undefined)
    throw new FleetsecError("state", `there is no ${path}, which every CA has`, { hint: RESTORE });
  try {
    const text = files.readText(path, MAX_CRL_FILE);
    return readCrlOf(text.slice(text.indexOf("\n"), text.lastIndexOf("-----END")), path, ca);
  } catch (error) {
    if (!(error instanceof FleetsecError) || error.code !== "input") throw error;
    throw new FleetsecError("state", `${path} is damaged: ${error.message}`, { hint: RESTORE, cause: error });
  }
}

/** @param base64 its lines are passed over; what is no base64 makes no DER */
function readCrlOf(base64: string, path: string, ca: Certificate): OwnCrl {
  const { body, ...signed } = readSigned(Buffer.from(base64, "base64"), path);
  const { issuer, crl } = contentsOf(body, path);
  requireSignedBy(signed, issuer, ca, path, RESTORE);
  return crl;
}

/** Those of a CA among the CRLs that gateways read, which are copies; others, and damaged ones, tell nothing. */
function publishedCrls(files: Files, path: string, ca: Certificate): OwnCrl[] {
  if (files.kind(path) !== "file") return [];
  const blocks = files
    .read(path, MAX_CRL_FILE)
    .toString("latin1")
    .matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g);
  return [...blocks].flatMap(([, base64 = ""]) => {
    try {
      return [readCrlOf(base64, path, ca)];
    } catch (error) {
      if (error instanceof FleetsecError) return [];
      throw error;
    }
  });
}

/**
 * @param issuer the name in the CRL
 * @throws FleetsecError `state` for a CRL that another CA issued, or that was changed since
 */
function requireSignedBy(signed: Signed, issuer: Name, ca: Certificate, path: string, hint: string): void {
  const why = foreignBy(signed, issuer, ca);
  if (why !== undefined)
    throw new FleetsecError("state", `${path} is no CRL of the CA beside it: ${why}`, { hint });
}

function foreignBy(signed: Signed, issuer: Name, ca: Certificate): string | undefined {
  const wanted = displayName(ca.subject);
  if (issuer.key !== ca.subject.key) return `its issuer is ${displayName(issuer)}, and this CA is ${wanted}`;
  const fault = signatureFault(signed, readPublicKey(ca.spki));
  return fault && `it ${fault.message}, ${wanted}`;
}

const RESTORE_ROOT =
  "nothing was changed; restore the file: one of the CRLs in ca/crl.pem, and in what gateways have, is a copy of it";

/**
 * The CRL of a root on disk: the only word on which issuing CAs it has revoked.
 * @throws FleetsecError `state` where it is missing or another CA's, `input` where it is damaged
 */
export function readRootCrl(files: Files, path: string, root: Certificate): Crl | undefined {
  requireRootCrl(files, path);
  const [crl] = readCrls(files.read(path, MAX_CRL_FILE), path);
  if (crl !== undefined) requireSignedBy(crl, crl.issuer, root, path, RESTORE_ROOT);
  return crl;
}

/** @throws FleetsecError `state` where it is missing */
export function requireRootCrl(files: Files, path: string): void {
  if (files.kind(path) !== undefined) return;
  throw new FleetsecError("state", `there is no ${path}, which every CA has`, { hint: RESTORE_ROOT });
}

/** Passes over the entries in one step. */
function contentsOf(body: Element, what: string): { readonly issuer: Name; readonly crl: OwnCrl } {
  const tbs = derReader(body.contents, what);
  tbs.next(tags.integer);
  tbs.next(tags.sequence);
  const issuer = readName(tbs.next(tags.sequence), what);
  tbs.next();
  tbs.next();
  const entries = tbs.optional(tags.sequence);
  const number = numberIn(tbs, what);
  const serials = () => (entries === undefined ? [] : serialsIn(Buffer.from(entries.contents), what));
  return { issuer, crl: { number, serials } };
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

/** The inventory of a CA, and what its CRLs say of it. */
export interface Witnessed extends Inventory {
  /**
   * To be called before a CRL is replaced: nothing that stands on it is ever missing from the inventory.
   * @throws FleetsecError `state`
   */
  requireEntries(authority: number): void;
  /**
   * Whether the CRL on disk is older than the newest that is on record: its writer was killed, or failed,
   * between the two, and what it was to revoke is on no CRL.
   */
  isAheadOfCrl(authority: number): boolean;
}

/**
 * The inventory of a CA, which is opened and refreshed only where no CRL on disk is ahead of it.
 * @param path of the inventory
 * @param crlFile what gateways read: copies of the CRLs
 * @param unusable CRLs that are missing, damaged or foreign: they are refused, or tell nothing, and then their
 *   copies are heeded too
 * @throws FleetsecError `state` where it lacks what a CRL has, and as `readOwnCrl` and `openInventory`
 */
export function openWitnessed(
  files: Files,
  path: string,
  crls: readonly CrlPlace[],
  crlFile: string,
  unusable: "refused" | "ignored" = "refused",
): Witnessed {
  const readAll = (place: CrlPlace): OwnCrl[] => {
    if (unusable === "refused") return [readOwnCrl(files, place)];
    const copies = publishedCrls(files, crlFile, place.ca);
    try {
      return [readOwnCrl(files, place), ...copies];
    } catch (error) {
      if (error instanceof FleetsecError && error.code === "state") return copies;
      throw error;
    }
  };
  const read = (place: CrlPlace): OwnCrl | undefined =>
    readAll(place).toSorted((one, other) => other.number - one.number)[0];
  const numbersNow = numberReader(files, crls, read);
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
    isAheadOfCrl(authority) {
      const onDisk = numbersNow().find((place) => place.authority === authority)?.number ?? 0;
      return onDisk < (inventory.newestCrl(authority)?.number ?? 0);
    },
    requireEntries(authority) {
      for (const place of crls.filter((candidate) => candidate.authority === authority)) {
        const known = new Set(inventory.revocations(authority).map(({ serial }) => serial));
        for (const serial of read(place)?.serials() ?? []) {
          if (!known.has(serial))
            throw wasCut(path, `${place.path} revokes ${serial}, of which nothing is on record`);
        }
      }
    },
  };
}

interface Numbered extends CrlPlace {
  readonly number: number;
  readonly stamp: string;
}

/** Reads the numbers of CRLs, each again only where its file is another. */
function numberReader(
  files: Files,
  crls: readonly CrlPlace[],
  read: (place: CrlPlace) => OwnCrl | undefined,
): () => readonly Numbered[] {
  const known = new Map<string, Numbered>();
  return () => {
    for (const place of crls) {
      const { path } = place;
      const isThere = files.kind(path) !== undefined;
      // another process dropped the whole generation
      if (!isThere && files.kind(dirname(path)) === undefined) continue;
      const stamp = isThere ? stampOf(files, path) : "";
      if (known.get(path)?.stamp === stamp) continue;
      known.set(path, { ...place, stamp, number: read(place)?.number ?? 0 });
    }
    return [...known.values()];
  };
}

function stampOf(files: Files, path: string): string {
  const { id, size, mtime } = files.stat(path);
  return `${id} ${size} ${mtime}`;
}

function requireNumbers(inventory: Inventory, inventoryPath: string, published: readonly Numbered[]): void {
  for (const { authority, path, number } of published) {
    const recorded = inventory.newestCrl(authority)?.number ?? 0;
    if (number > recorded)
      throw wasCut(inventoryPath, `${path} has number ${number}, and the last on record is ${recorded}`);
  }
}

function wasCut(path: string, evidence: string): FleetsecError {
  return new FleetsecError("state", `the end of ${path} is missing: ${evidence}`, {
    hint: "nothing was changed; restore the newest inventory, or the whole state directory as it was at one time",
  });
}
