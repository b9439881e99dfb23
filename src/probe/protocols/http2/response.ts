import { MAX_KEPT } from "../../exchange.ts";
import { byteQueue } from "../../wire/byte-queue.ts";
import { DecodeError, reader } from "../../wire/codec.ts";
import { errorName, Flag, type Frame, FrameType, HEADER_LENGTH, MAX_PAYLOAD, STREAM } from "./frames.ts";
import { fieldSection } from "../http1.ts";
import { type Field, fieldDecoder } from "./hpack.ts";

/** How far the response to the one request of a connection has come (RFC 9113). */
export interface Http2Response {
  /** Of the final header section; undefined until it is complete. */
  readonly status: number | undefined;
  readonly fields: ReadonlyMap<string, string>;
  readonly trailers: ReadonlyMap<string, string>;
  /** Of each line of both, where a name is repeated too. */
  readonly values: readonly string[];
  readonly body: Uint8Array;
  /** Nothing more will come. */
  readonly complete: boolean;
  /** `RST_STREAM CANCEL` or `GOAWAY PROTOCOL_ERROR`: how the peer put an end to the request. */
  readonly ended: { readonly how: string; readonly code: number } | undefined;
  /** The peer's bytes are not HTTP/2; what had been read until then stands. */
  readonly malformed: boolean;
  /** The peer's settings that wait for an acknowledgement. */
  readonly settings: number;
}

/** Reads a connection's bytes as they come. Its work is linear in what is pushed. */
export interface ResponseReader {
  push(bytes: Uint8Array): void;
  /** Bytes of a frame whose end has not come. */
  readonly pending: number;
  readonly response: Http2Response;
}

/** Frames of one connection: more of them is a flood. */
const MAX_FRAMES = 4096;
/** Of a field block that is still to be decoded. */
const MAX_BLOCK = MAX_KEPT;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface State extends Mutable<Omit<Http2Response, "body" | "values">> {
  readonly chunks: Uint8Array[];
  readonly body: Uint8Array;
  readonly values: readonly string[];
  /** Of the header section, and of the trailers. */
  readonly valuesOf: { head: readonly string[]; trailers: readonly string[] };
  frames: number;
  /** A field block whose end has not come: its parts, and its stream. */
  block: { readonly parts: Uint8Array[]; readonly stream: number; readonly ends: boolean } | undefined;
}

/** @param stream whose response is read; what comes on others is passed over */
export function responseReader(stream = STREAM): ResponseReader {
  const queue = byteQueue();
  const decoder = fieldDecoder();
  const state: State = {
    status: undefined,
    fields: new Map(),
    trailers: new Map(),
    valuesOf: { head: [], trailers: [] },
    get values() {
      return [...this.valuesOf.head, ...this.valuesOf.trailers];
    },
    get body() {
      return Buffer.concat(this.chunks);
    },
    complete: false,
    ended: undefined,
    malformed: false,
    settings: 0,
    chunks: [],
    frames: 0,
    block: undefined,
  };
  const onFrame = (frame: Frame) => {
    state.frames += 1;
    if (state.frames > MAX_FRAMES) throw new DecodeError("too many frames");
    // nothing may come between the parts of a field block (RFC 9113, section 6.10)
    if ((state.block !== undefined) !== (frame.type === FrameType.continuation)) {
      throw new DecodeError("field block interrupted");
    }
    switch (frame.type) {
      case FrameType.settings:
        if ((frame.flags & Flag.ack) === 0) state.settings += 1;
        break;
      case FrameType.headers:
        addToBlock(frame, withoutPriority(frame));
        break;
      case FrameType.continuation:
        addToBlock(frame, frame.payload);
        break;
      case FrameType.pushPromise:
        throw new DecodeError("a push that was not allowed");
      case FrameType.data:
        if (frame.stream === stream) onData(state, frame);
        break;
      case FrameType.resetStream:
        if (frame.stream === stream) endWith(state, "RST_STREAM", reader(frame.payload).uint(4));
        break;
      case FrameType.goAway:
        endWith(state, "GOAWAY", reader(frame.payload.subarray(4)).uint(4));
        break;
    }
  };
  const addToBlock = (frame: Frame, part: Uint8Array) => {
    const {
      parts,
      stream: owner,
      ends,
    } = state.block ?? {
      parts: [],
      stream: frame.stream,
      ends: (frame.flags & Flag.endStream) !== 0,
    };
    if (owner !== frame.stream) throw new DecodeError("field block interrupted");
    parts.push(part);
    if (parts.reduce((sum, { length }) => sum + length, 0) > MAX_BLOCK)
      throw new DecodeError("field block too long");
    state.block = { parts, stream: owner, ends };
    if ((frame.flags & Flag.endHeaders) === 0) return;
    state.block = undefined;
    const fields = decoder.decode(Buffer.concat(parts));
    if (owner === stream) onFields(state, fields, ends);
  };
  return {
    response: state,
    get pending() {
      return queue.length;
    },
    push(bytes) {
      if (state.malformed) return;
      queue.push(bytes);
      try {
        for (let next = takeFrame(queue); next !== undefined; next = takeFrame(queue)) onFrame(next);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        state.malformed = true;
      }
    },
  };
}

function takeFrame(queue: ReturnType<typeof byteQueue>): Frame | undefined {
  const head = queue.peek(HEADER_LENGTH);
  if (head === undefined) return undefined;
  const from = reader(head);
  const length = from.uint(3);
  if (length > MAX_PAYLOAD) throw new DecodeError("frame too long");
  const [type, flags, stream] = [from.uint(1), from.uint(1), from.uint(4) % 2 ** 31];
  const whole = queue.take(HEADER_LENGTH + length);
  return (
    whole && { type, flags, stream, payload: withoutPadding(type, flags, whole.subarray(HEADER_LENGTH)) }
  );
}

function withoutPadding(type: number, flags: number, payload: Uint8Array): Uint8Array {
  const padded = (type === FrameType.data || type === FrameType.headers) && (flags & Flag.padded) !== 0;
  if (!padded) return payload;
  const [length = payload.length] = payload;
  if (length >= payload.length) throw new DecodeError("more padding than payload");
  return payload.subarray(1, payload.length - length);
}

function withoutPriority({ flags, payload }: Frame): Uint8Array {
  if ((flags & Flag.priority) === 0) return payload;
  if (payload.length < 5) throw new DecodeError("truncated");
  return payload.subarray(5);
}

function onFields(state: State, list: readonly Field[], ends: boolean): void {
  if (state.complete) return;
  const { fields, values } = fieldSection(list);
  if (state.status === undefined) {
    const status = /^[1-5]\d\d$/.exec(fields.get(":status") ?? "")?.[0];
    if (status === undefined) throw new DecodeError("a response without a status");
    // interim responses are skipped
    if (!status.startsWith("1")) {
      Object.assign(state, { status: Number(status), fields });
      state.valuesOf.head = values;
    } else if (ends) throw new DecodeError("the end after an interim response");
  } else {
    state.trailers = fields;
    state.valuesOf.trailers = values;
  }
  if (ends) state.complete = true;
}

function onData(state: State, { flags, payload }: Frame): void {
  if (state.complete) return;
  if (state.status === undefined) throw new DecodeError("data before the header section");
  state.chunks.push(payload);
  if ((flags & Flag.endStream) !== 0) state.complete = true;
}

/** A peer that goes away in peace still answers what it had begun (RFC 9113, section 6.8). */
function endWith(state: State, how: string, code: number): void {
  if (how === "GOAWAY" && code === 0) return;
  if (!state.complete) state.ended ??= { how: `${how} ${errorName(code)}`, code };
  state.complete = true;
}
