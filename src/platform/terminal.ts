import * as fs from "node:fs";
import { fileError } from "./file-error.ts";
import type { Terminal, TextSink } from "./platform.ts";

/**
 * What `--help` and `--version` need, and nothing that takes time to load.
 * @param onFault told once of each stream that cannot be written to, as where the disk is full; what
 *   comes after that is lost
 */
export function systemTerminal(
  onFault: (error: unknown) => void = (error) => {
    throw error;
  },
): Terminal {
  return {
    env: process.env,
    stdout: sink(process.stdout, "standard output", onFault),
    stderr: sink(process.stderr, "standard error", onFault),
  };
}

const DEFAULT_COLUMNS = 80;

function sink(stream: NodeJS.WriteStream, name: string, onFault: (error: unknown) => void): TextSink {
  let isBroken = false;
  const fail = (error: unknown) => {
    // A reader that went away (`| head`) is no fault of ours.
    if (isBroken || (error as NodeJS.ErrnoException).code === "EPIPE") return;
    isBroken = true;
    onFault(fileError(name, error));
  };
  stream.on("error", fail);
  const file = fileOf(stream);
  return {
    write(text) {
      if (isBroken) return;
      if (file === undefined) return void stream.write(text);
      try {
        writeAll(file, Buffer.from(text));
      } catch (error) {
        fail(error);
      }
    },
    // undefined at run time where the stream is no terminal
    isTTY: "isTTY" in stream && stream.isTTY,
    get columns() {
      // undefined where the stream is no terminal, and 0 where that does not say how wide it is
      const { columns } = stream;
      return columns > 0 ? columns : DEFAULT_COLUMNS;
    },
  };
}

/** The descriptor of a file, or of a device that is no terminal; a thread's own stream has none. */
function fileOf(stream: NodeJS.WriteStream & { readonly fd?: number }): number | undefined {
  const { fd } = stream;
  if (fd === undefined || ("isTTY" in stream && stream.isTTY)) return undefined;
  const stat = fs.fstatSync(fd);
  return stat.isFile() || stat.isCharacterDevice() ? fd : undefined;
}

/** Node's own stream takes a short write, as the last one to a full disk is, for a whole one. */
function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length;) done += fs.writeSync(fd, data, done);
}
