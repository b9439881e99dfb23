import type { Files } from "../../platform/files.ts";
import type { Authority, CaGeneration } from "../authority.ts";
import type { IssueRecord } from "../inventory-line.ts";
import type { Inventory } from "../inventory.ts";
import { OCSP_RESPONDER } from "../ocsp/signer.ts";
import { areRootsPublished } from "../published.ts";
import { readRecord } from "./record.ts";

/**
 * How far a rotation has come. It is read off the CA generations on disk and the one that issues, so
 * that it is right whatever was killed when.
 *
 * - `idle`: one root, one issuing CA.
 * - `both-trusted`: two roots are trusted, the old CA issues.
 * - `new-issues`: two roots are trusted, the new CA issues.
 * - `intermediate`: one root, whose newest issuing CA issues; certificates of earlier ones are about.
 */
export type Phase = "idle" | "both-trusted" | "new-issues" | "intermediate";

export interface RotationStatus {
  readonly phase: Phase;
  /** The generations that the rotation is to get rid of, unless it is aborted. */
  readonly old: readonly CaGeneration[];
  /** The generation that is to remain. */
  readonly next: CaGeneration;
  /**
   * Since when gateways read both roots, in milliseconds since the epoch; undefined where they do not, or
   * where nobody knows since when.
   */
  readonly published: number | undefined;
}

/** @throws FleetsecError `state` for a damaged record */
export function rotationStatus(files: Files, authority: Authority): RotationStatus {
  const { trusted, current, layout } = authority;
  const newest = trusted.at(-1) ?? current;
  const roots = new Set(trusted.map(({ id }) => id));
  const old = trusted.filter((ca) => (roots.size > 1 ? ca.id !== newest.id : ca !== newest));
  const record = readRecord(files, layout);
  const since = record?.to === newest.number ? record.published : undefined;
  const isPublished = since !== undefined && areRootsPublished(files, layout.authorities);
  const published = isPublished ? Date.parse(since) : undefined;
  return { phase: phaseOf(authority, roots.size, newest), old, next: newest, published };
}

function phaseOf({ trusted, current }: Authority, roots: number, newest: CaGeneration): Phase {
  if (roots > 1) return current.id === newest.id ? "new-issues" : "both-trusted";
  return trusted.length > 1 ? "intermediate" : "idle";
}

/** Whether a root is replaced of which gateways cannot know: `begin` has to publish it. */
export function isUnpublished({ phase, published }: RotationStatus): boolean {
  return (phase === "both-trusted" || phase === "new-issues") && published === undefined;
}

/**
 * Certificates of CA generations that somebody may still use: neither ended nor revoked. Those of an
 * OCSP responder are no use without the CA that they answer for.
 */
export function liveCertificates(
  inventory: Inventory,
  generations: readonly CaGeneration[],
  now: number,
): IssueRecord[] {
  const numbers = new Set(generations.map(({ number }) => number));
  return inventory
    .entries()
    .filter(
      ({ issued, revoked }) =>
        numbers.has(issued.authority) &&
        revoked === undefined &&
        Date.parse(issued.notAfter) + 999 >= now &&
        !isOfResponder(issued),
    )
    .map(({ issued }) => issued);
}

/** Every other certificate has a name that it speaks for. */
function isOfResponder({ role, sans }: IssueRecord): boolean {
  return role === OCSP_RESPONDER && sans.length === 0;
}
