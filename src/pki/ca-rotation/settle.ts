import { join } from "node:path";
import type { DirectoryEntry, Files } from "../../platform/files.ts";
import { type CaGeneration, caFiles, readGenerations } from "../authority.ts";
import { publish } from "../published.ts";
import { retiredDirectory } from "./retired.ts";
import { publicFaults } from "../soundness.ts";
import { MAX_PEM_BYTES, type StateLayout } from "../state.ts";

type Authorities = Pick<StateLayout, "authorities">;

/**
 * Completes what a killed process left half-done: what gateways read is made anew where it is not what
 * the generations on disk ask for, and of the issuing CAs below one root the newest issues. A generation
 * that is damaged is neither published nor put in charge. To be called under the state's lock.
 */
export function settle(files: Files, layout: Authorities): void {
  const { authorities } = layout;
  files.removeTemporaries(authorities);
  const generations = readGenerations(files, layout);
  const whole = generations.filter(
    (ca) => publicFaults(files, { layout, trusted: generations }, ca).length === 0,
  );
  if (whole.length === generations.length) publish(files, authorities);
  const link = join(authorities, "current");
  const current = files.readLink(link);
  const { root } = generations.find(({ number }) => String(number) === current) ?? {};
  const newest = whole.findLast((ca) => root !== undefined && Buffer.compare(ca.root.der, root.der) === 0);
  if (newest !== undefined && String(newest.number) !== current)
    files.linkAtomic(link, String(newest.number));
}

/**
 * Drops a CA generation: it is trusted no longer and its keys are removed. Its certificates are kept
 * in `retired/` for whoever has to look back. From the moment of the rename on, `settle` completes it.
 */
export function drop(files: Files, { authorities }: Authorities, { number }: CaGeneration): void {
  const directory = join(authorities, String(number));
  const retired = retiredDirectory({ authorities }, number);
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
