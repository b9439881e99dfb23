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
  ["br", [(body) => brotliDecompressSync(body, brotli)]],
]);

/** A body without its content coding, as far as it has come; as it is where that is not understood. */
export function decoded(body: Uint8Array, coding = ""): Uint8Array {
  for (const decode of DECODERS.get(coding.trim().toLowerCase()) ?? []) {
    const content = asMuchAsFits(body, decode);
    if (content !== undefined) return content;
  }
  return body;
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
