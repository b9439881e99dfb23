import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { readStandardInput } from "../../src/cli/standard-input.ts";
import { FleetsecError } from "../../src/errors.ts";

/** As the process's own: closing it ends who reads. */
function standardInput() {
  const stream = new PassThrough();
  const stdin = {
    isTTY: false,
    close: () => void stream.destroy(),
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
  };
  const stopping = new AbortController();
  return { stream, stopping, platform: { stdin, signal: stopping.signal } };
}

test("gives all of it, up to a limit", async () => {
  const { stream, platform } = standardInput();
  stream.end(Buffer.alloc(1000, "a"));
  expect((await readStandardInput(platform, 1000, "it")).toString()).toBe("a".repeat(1000));
  const more = standardInput();
  more.stream.end(Buffer.alloc(1001));
  await expect(readStandardInput(more.platform, 1000, "it")).rejects.toMatchObject({
    code: "input",
    message: "it is larger than 1000 bytes",
  });
});

test("a signal ends the wait for the rest, and nothing is made of what has come", async () => {
  const { stream, stopping, platform } = standardInput();
  const reading = readStandardInput(platform, 1000, "it");
  stream.write("name\na\n");
  const reason = new FleetsecError("interrupted", "interrupted");
  stopping.abort(reason);
  await expect(reading).rejects.toBe(reason);
});
