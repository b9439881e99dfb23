import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { recordHeader } from "../../../src/probe/wire/records.ts";
import { tcpServer } from "../support/servers.ts";
import { client, drive, versions } from "./drive.ts";

/** Writes pieces until the connection is gone; keeps no more than the socket takes. */
function endlessly(socket: Socket, piece: () => Uint8Array, every = 0): void {
  const next = () => {
    if (socket.destroyed) return;
    const ready = socket.write(piece());
    if (every > 0) setTimeout(next, every);
    else if (ready) setImmediate(next);
    else socket.once("drain", next);
  };
  next();
}

const header = (type: number, length: number) => recordHeader(type, length);
const record = (type: number, content: Uint8Array) => Buffer.concat([header(type, content.length), content]);

const many = (content: Uint8Array) => Buffer.concat(Array.from({ length: 5000 }, () => content));
const warnings = many(record(21, Uint8Array.of(1, 90)));
const singleBytes = many(record(22, Uint8Array.of(0)));

/** What a server may do instead of TLS, and what the client says of it: nothing, where it must be left waiting. */
const servers: readonly [string, string | undefined, (socket: Socket) => void][] = [
  ["closes at once", undefined, (socket) => socket.end()],
  ["resets", undefined, (socket) => socket.once("data", () => socket.resetAndDestroy())],
  ["says nothing", undefined, (socket) => socket.resume()],
  ["speaks HTTP", "not a TLS record", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ["sends garbage", "not a TLS record", (socket) => endlessly(socket, () => Buffer.alloc(1000, 0xa5))],
  ["sends warnings without end", "the server sent too much", (socket) => endlessly(socket, () => warnings)],
  [
    "sends a long message in records of one byte",
    "the server sent too much",
    (socket) => {
      socket.write(record(22, Uint8Array.of(2, 0, 255, 255)));
      endlessly(socket, () => singleBytes);
    },
  ],
  [
    "announces a message of 16 MiB",
    "handshake message too long",
    (socket) => socket.write(record(22, Uint8Array.of(2, 255, 255, 255))),
  ],
  ["never ends its record", undefined, (socket) => socket.write(header(22, 16_000))],
  [
    "sends a byte now and then",
    undefined,
    (socket) => {
      const bytes = [...header(22, 16_000)];
      endlessly(socket, () => Uint8Array.of(bytes.shift() ?? 0), 20);
    },
  ],
];

/** Milliseconds in which a busy machine comes to anything. */
const LONG = 60_000;

describe.each(versions)("TLS %s: a server that", (version) => {
  test.each(servers)("%s", async (_, fault, behave) => {
    const port = await tcpServer((socket) => {
      socket.on("error", () => {});
      behave(socket);
    });
    const began = performance.now();
    const {
      client: wire,
      received,
      seen,
    } = await drive(port, client(version), { ms: fault === undefined ? 300 : LONG });
    expect(performance.now() - began).toBeLessThan(LONG);
    expect([received, wire.ready, seen.version]).toEqual(["", false, undefined]);
    expect(wire.fault).toBe(fault);
    expect(wire.events.length).toBeLessThanOrEqual(4096);
  });
});
