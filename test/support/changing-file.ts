import type { Files } from "../../src/platform/files.ts";
import { systemPlatform } from "../../src/platform/system.ts";

const { files } = systemPlatform(new AbortController().signal);

/**
 * The real files, of which one changes after it was read once.
 * @param name the end of its path
 * @param change runs before it is opened for the second time
 */
export function changingFile(name: string, change: () => void): Files {
  let opened = 0;
  return {
    ...files,
    open(path, options) {
      if (path.endsWith(name) && (opened += 1) === 2) change();
      return files.open(path, options);
    },
  };
}
