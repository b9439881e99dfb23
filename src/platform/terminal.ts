import type { Terminal, TextSink } from "./platform.ts";

/** What `--help` and `--version` need, and nothing that takes time to load. */
export function systemTerminal(): Terminal {
  return { env: process.env, stdout: sink(process.stdout), stderr: sink(process.stderr) };
}

function sink(stream: NodeJS.WriteStream): TextSink {
  // A reader that went away (`| head`) is no fault of ours.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return {
    write: (text) => {
      stream.write(text);
    },
    // undefined at run time where the stream is no terminal
    isTTY: "isTTY" in stream && stream.isTTY,
    get columns() {
      return stream.columns ?? 80;
    },
  };
}
