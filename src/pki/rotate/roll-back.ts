import { join } from "node:path";
import type { Registry } from "../issuers/issuer.ts";
import {
  activate,
  activeGeneration,
  type GenerationContent,
  generationPath,
  nextGeneration,
  writeGeneration,
} from "../generations.ts";
import { MAX_PEM_BYTES, type PkiPlatform, readSecret } from "../state.ts";

/**
 * Puts an earlier generation back into use, as a new generation with the same content: numbers only
 * go up, so a certificate that was rolled back is told from one whose writer was killed before it
 * swapped `current`.
 * @param directory of NAME
 * @param rejected the generation that must be in use; where another is, somebody else was faster
 * @returns whether `current` now leads to the earlier one
 */
export async function rollBack(
  { files, locks }: PkiPlatform,
  { layout }: Registry,
  directory: string,
  rejected: number,
  earlier: number,
): Promise<boolean> {
  return locks.hold(layout.lock, async () => {
    const from = generationPath(directory, earlier);
    if (activeGeneration(files, directory) !== rejected) return false;
    if (files.kind(from) !== "directory") return false;
    const text = (name: string) => files.readText(join(from, name), MAX_PEM_BYTES);
    const key = join(from, "key.pem");
    const content: GenerationContent = {
      cert: text("cert.pem"),
      chain: text("chain.pem"),
      key: files.kind(key) === undefined ? undefined : readSecret(files, key),
    };
    const generation = nextGeneration(files, directory);
    writeGeneration(files, directory, generation, content);
    activate(files, directory, generation);
    return true;
  });
}
