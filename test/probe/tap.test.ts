import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { Socket } from "../../src/platform/network.ts";
import { tap } from "../../src/probe/tap.ts";

test("what is said in one go is written in one piece, and remembered", () => {
  const written: string[] = [];
  const write = (bytes: Uint8Array, done: () => void) => {
    written.push(Buffer.from(bytes).toString());
    done();
  };
  const socket = Object.assign(new EventEmitter(), { write, resume: () => {} });
  const { stream, transcript } = tap(socket as unknown as Socket, () => {});
  stream.write("alone");
  stream.cork();
  for (const piece of ["Finished, ", "a request"]) stream.write(piece);
  stream.uncork();
  expect(written).toEqual(["alone", "Finished, a request"]);
  expect(transcript.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(written);
});
