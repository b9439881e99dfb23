import { Duplex } from "node:stream";
import type { Socket } from "../platform/network.ts";
import type { Chunk, Side } from "./observe.ts";

/** What is kept of a connection's wire bytes: more than any handshake needs. */
const MAX_TRANSCRIPT = 1 << 18;
/** After this much the server is flooding us, and the connection is dropped. */
const MAX_RECEIVED = 1 << 20;

/** A TCP connection that remembers what went over it. */
export interface Tap {
  /** For TLS to run over. */
  readonly stream: Duplex;
  readonly transcript: readonly Chunk[];
  readonly connected: boolean;
  /** The server closed its side. */
  readonly ended: boolean;
  /** The errno of the socket's failure, e.g. `ECONNRESET`. */
  readonly error: string | undefined;
  /** The server sent more than is reasonable. */
  readonly flooded: boolean;
  /** Forgets what went over the stream so far, and who was reading it: another protocol begins. */
  restart(): void;
}

/** Watches a socket; `changed` is called after each event. */
export function tap(socket: Socket, changed: () => void): Tap {
  const state = {
    transcript: [] as Chunk[],
    connected: false,
    ended: false,
    error: undefined as string | undefined,
    flooded: false,
  };
  let kept = 0;
  let received = 0;
  const keep = (from: Side, bytes: Uint8Array) => {
    if (kept + bytes.length <= MAX_TRANSCRIPT) state.transcript.push({ from, bytes: new Uint8Array(bytes) });
    // what comes after a gap could not be read
    else kept = MAX_TRANSCRIPT;
    kept += bytes.length;
  };
  const write = (bytes: Uint8Array, done: () => void) => {
    keep("client", bytes);
    // a failure shows in the socket's own events, after what had arrived before it was read
    socket.write(bytes, () => done());
  };
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (bytes: Uint8Array, _encoding, done) => write(bytes, done),
    // what TLS says in one go, such as Finished and a request, arrives in one piece
    writev: (pieces: { readonly chunk: Uint8Array }[], done) =>
      write(Buffer.concat(pieces.map(({ chunk }) => chunk)), done),
    final: (done) => void socket.end(() => done()),
    destroy(_error, done) {
      socket.destroySoon();
      done(null);
    },
  });
  socket.on("connect", () => {
    state.connected = true;
    changed();
  });
  socket.on("data", (bytes) => {
    received += bytes.length;
    keep("server", bytes);
    if (received > MAX_RECEIVED) {
      state.flooded = true;
      socket.destroy();
    } else if (!stream.push(bytes)) socket.pause();
    changed();
  });
  socket.on("end", () => {
    state.ended = true;
    stream.push(null);
    changed();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    state.error ??= error.code ?? error.message;
    changed();
  });
  socket.on("close", () => {
    if (!state.ended) stream.push(null);
    changed();
  });
  const restart = () => {
    state.transcript = [];
    kept = 0;
    stream.removeAllListeners("data");
    stream.removeAllListeners("end");
    stream.pause();
  };
  return Object.assign(state, { stream, restart });
}
