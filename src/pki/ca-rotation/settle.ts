import { join } from "node:path";
import type { DirectoryEntry, Files } from "../../platform/files.ts";
import { type CaGeneration, caFiles, generationsIn } from "../authority.ts";
import { isPublished, publish } from "../publish.ts";
import { MAX_PEM_BYTES, type StateLayout } from "../state.ts";

type Authorities = Pick<StateLayout, "authorities">;

/**
 * Completes what a killed process left half-done: what gateways read is made anew where it is not what
 * the generations on disk ask for, and of the issuing CAs below one root the newest issues. To be
 * called under the state's lock.
 */
export function settle(files: Files, { authorities }: Authorities): void {
  files.removeTemporaries(authorities);
  if (!isPublished(files, authorities)) publish(files, authorities);
  const link = join(authorities, "current");
  const current = files.readLink(link);
  const rootOf = (generation: string) =>
    files.readText(join(authorities, generation, caFiles.rootCertificate), MAX_PEM_BYTES);
  const root = rootOf(current);
  const newest = generationsIn(files, authorities)
    .map(String)
    .findLast((number) => rootOf(number) === root);
  if (newest !== undefined && newest !== current) files.linkAtomic(link, newest);
}

/**
 * Drops a CA generation: it is trusted no longer and its keys are removed. Its certificates are kept
 * in `retired/` for whoever has to look back. From the moment of the rename on, `settle` completes it.
 */
export function drop(files: Files, { authorities }: Authorities, { number }: CaGeneration): void {
  const directory = join(authorities, String(number));
  const retired = join(authorities, "retired", String(number));
  if (files.kind(retired) === undefined) {
    const kept = [caFiles.rootCertificate, caFiles.issuingCertificate].map((name): DirectoryEntry => ({
      name,
      data: files.readText(join(directory, name), MAX_PEM_BYTES),
      mode: 0o644,
    }));
    files.makeDirectory(join(authorities, "retired"));
    files.writeDirectory(retired, kept);
  }
  files.rename(directory, join(authorities, `.${number}.000000000000.tmp`));
  settle(files, { authorities });
}
