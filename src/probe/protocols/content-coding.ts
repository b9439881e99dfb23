import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { MAX_KEPT } from "../exchange.ts";

/** Of what is decoded: far more than is kept of a connection that does not compress. */
const MAX_DECODED = 8 * MAX_KEPT;

const deflate = { maxOutputLength: MAX_DECODED, finishFlush: constants.Z_SYNC_FLUSH };
const brotli = { maxOutputLength: MAX_DECODED, finishFlush: constants.BROTLI_OPERATION_FLUSH };

/** By content coding (RFC 9110, section 8.4.1); what some call deflate lacks the head of zlib. */
const DECODERS = new Map<string, readonly ((body: Uint8Array) => Uint8Array)[]>([
  ["gzip", [(body) => gunzipSync(body, deflate)]],
  ["x-gzip", [(body) => gunzipSync(body, deflate)]],
  ["deflate", [(body) => inflateSync(body, deflate), (body) => inflateRawSync(body, deflate)]],
  ["identity", [(body) => body]],
  ["br", [(body) => brotliDecompressSync(body, brotli)]],
]);

/** More of them, one around the other, are none that a client would take off. */
const MAX_LAYERS = 5;

/** A body without its content codings, which are named from the inside out, as far as it has come; as it is where they are not understood. */
export function decoded(body: Uint8Array, codings = ""): Uint8Array {
  const layers = codings.split(",").flatMap((coding) => coding.trim().toLowerCase() || []);
  if (layers.length > MAX_LAYERS) return body;
  let content = body;
  for (const coding of layers.toReversed()) {
    const inner = withoutCoding(content, coding);
    if (inner === undefined) break;
    content = inner;
  }
  return content;
}

function withoutCoding(body: Uint8Array, coding: string): Uint8Array | undefined {
  for (const decode of DECODERS.get(coding) ?? []) {
    const content = asMuchAsFits(body, decode);
    if (content !== undefined) return content;
  }
  return undefined;
}

/** A body that swells to more than is kept is cut. @returns undefined for what is not of that coding */
function asMuchAsFits(body: Uint8Array, decode: (body: Uint8Array) => Uint8Array): Uint8Array | undefined {
  for (let length = body.length; length > 0; length = Math.floor(length / 2)) {
    try {
      return decode(body.subarray(0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") return undefined;
    }
  }
  return undefined;
}
