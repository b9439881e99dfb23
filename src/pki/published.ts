import { join } from "node:path";
import type { Files, NewFile } from "../platform/files.ts";
import { caFiles, generationsIn } from "./authority.ts";
import { recordUnpublished } from "./ca-rotation/record.ts";
import { MAX_PEM_BYTES } from "./state.ts";

/** A CRL of a million entries has some 50 megabytes. */
export const MAX_CRL_BYTES = 1 << 28;

/** What gateways are to read, PEM. */
interface Publishable {
  readonly bundle: string;
  readonly crl: string;
  /** Of which `crl` consists, besides those of the issuing CAs. */
  readonly rootCrls: readonly string[];
}

/**
 * What gateways are to read, from the CA generations on disk. A verifier that checks the whole chain
 * needs the root's CRL too (nginx and Envoy do). Generations below one root share its newest CRL.
 */
function publishable(files: Files, authorities: string, coming: readonly NewFile<string>[]): Publishable {
  const crlAt = (path: string) =>
    coming.find((file) => file.path === path)?.data ?? files.readText(path, MAX_CRL_BYTES);
  const generations = generationsIn(files, authorities).map((number) => join(authorities, String(number)));
  const rootCrls = new Map<string, string>();
  for (const path of generations) {
    const root = files.readText(join(path, caFiles.rootCertificate), MAX_PEM_BYTES);
    rootCrls.set(root, files.readText(join(path, caFiles.rootCrl), MAX_CRL_BYTES));
  }
  const issuingCrls = generations.map((path) => crlAt(join(path, caFiles.issuingCrl)));
  return {
    bundle: [...rootCrls.keys()].join(""),
    crl: [...issuingCrls, ...rootCrls.values()].join(""),
    rootCrls: [...rootCrls.values()],
  };
}

const publishedFiles = { bundle: "bundle.pem", crl: "crl.pem" } as const;

/**
 * Writes what gateways read beside the CA generations that it is made from, where it is not there yet.
 * Where they lacked a root, a rotation's record says so first: since when they have both begins anew.
 */
export function publish(files: Files, authorities: string): void {
  for (const { path, data } of announce(files, authorities)) files.write(path, data);
}

/** Puts a new CRL of an issuing CA in its place, and then what gateways read, where it is too. */
export async function publishCrl(files: Files, authorities: string, crl: NewFile<string>): Promise<void> {
  await files.writeTogether([crl, ...announce(files, authorities, [crl])]);
}

/**
 * What is to be written so that gateways read it, once a rotation's record says what they lacked.
 * @param coming what is written before
 */
function announce(files: Files, authorities: string, coming: readonly NewFile<string>[] = []): NewFile[] {
  const missing = unpublished(files, authorities, coming);
  if (missing.some(({ lacksRoot }) => lacksRoot)) recordUnpublished(files, { authorities });
  return missing.map(({ path, text }) => ({ path, data: text }));
}

/** Whether gateways read the root of every CA generation, no other, and the CRL of each. */
export function areRootsPublished(files: Files, authorities: string): boolean {
  return !unpublished(files, authorities).some(({ lacksRoot }) => lacksRoot);
}

/** Whether gateways read the root of a CA generation. */
export function isInBundle(files: Files, authorities: string, generation: number): boolean {
  const bundle = join(authorities, publishedFiles.bundle);
  const root = join(authorities, String(generation), caFiles.rootCertificate);
  return (
    files.kind(bundle) === "file" &&
    files.readText(bundle, MAX_CRL_BYTES).includes(files.readText(root, MAX_PEM_BYTES))
  );
}

/** Whether what gateways read is what the CA generations on disk ask for. */
export function isPublished(files: Files, authorities: string): boolean {
  return unpublished(files, authorities).length === 0;
}

export type PublishedName = keyof typeof publishedFiles;

/** A file that gateways read and that is not what it should be. */
interface Unpublished {
  readonly name: PublishedName;
  readonly path: string;
  readonly text: string;
  /** Whether more than CRLs of issuing CAs differs: those come anew all the time. */
  readonly lacksRoot: boolean;
}

export function unpublished(
  files: Files,
  authorities: string,
  coming: readonly NewFile<string>[] = [],
): Unpublished[] {
  const { rootCrls, ...wanted } = publishable(files, authorities, coming);
  return (["bundle", "crl"] as const).flatMap((name) => {
    const path = join(authorities, publishedFiles[name]);
    const found = files.kind(path) === "file" ? files.readText(path, MAX_CRL_BYTES) : "";
    const text = wanted[name];
    if (found === text) return [];
    const lacksRoot = name === "bundle" || rootCrls.some((crl) => !found.includes(crl));
    return [{ name, path, text, lacksRoot }];
  });
}
