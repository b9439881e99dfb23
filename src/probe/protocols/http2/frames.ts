import { uint } from "../../wire/codec.ts";
import { encodeFields, type Field } from "./hpack.ts";

/** RFC 9113, section 6. */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 for the connection as a whole. */
  readonly stream: number;
  readonly payload: Uint8Array;
}

export const HEADER_LENGTH = 9;
/** What a peer may send without having been asked (RFC 9113, section 4.2). */
export const MAX_PAYLOAD = 16_384;

/** The first stream that a client opens, and most often the only one. */
export const STREAM = 1;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(),
): Uint8Array {
  return Buffer.concat([uint(payload.length, 3), Buffer.of(type, flags), uint(stream, 4), payload]);
}

/** RFC 9113, section 3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

const HEADER_TABLE_SIZE = 1;
const ENABLE_PUSH = 2;

/** What a probe asks of its peer: no pushes, and no memory of header fields. */
export const SETTINGS_PAYLOAD: Uint8Array = Buffer.concat([
  uint(HEADER_TABLE_SIZE, 2),
  uint(0, 4),
  uint(ENABLE_PUSH, 2),
  uint(0, 4),
]);

/** What a client begins with. */
export const OPENING: Uint8Array = Buffer.concat([
  PREFACE,
  frame(FrameType.settings, 0, 0, SETTINGS_PAYLOAD),
]);

/** Everything that a client sends for its first request, in one piece. */
export function requestFrames(
  fields: readonly Field[],
  body: Uint8Array | undefined,
  goesOn = false,
): Uint8Array {
  return Buffer.concat([OPENING, requestOn(STREAM, fields, body, goesOn)]);
}

/** A request on a stream of its own. @param goesOn whether the stream is left open after the body */
export function requestOn(
  stream: number,
  fields: readonly Field[],
  body: Uint8Array | undefined,
  goesOn = false,
): Uint8Array {
  const block = encodeFields(fields);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < block.length; at += MAX_PAYLOAD)
    pieces.push(block.subarray(at, at + MAX_PAYLOAD));
  const headers = pieces.map((piece, i) =>
    frame(
      i === 0 ? FrameType.headers : FrameType.continuation,
      (i === 0 && body === undefined ? Flag.endStream : 0) + (i === pieces.length - 1 ? Flag.endHeaders : 0),
      stream,
      piece,
    ),
  );
  return Buffer.concat([
    ...headers,
    ...(body === undefined ? [] : [frame(FrameType.data, goesOn ? 0 : Flag.endStream, stream, body)]),
  ]);
}

export const settingsAck = (): Uint8Array => frame(FrameType.settings, Flag.ack, 0);

/** RFC 9113, section 7. */
const ERRORS = `NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED
  FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY
  HTTP_1_1_REQUIRED`.split(/\s+/);

export function errorName(code: number): string {
  return ERRORS[code] ?? `error ${code}`;
}
