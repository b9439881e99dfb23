import { FleetsecError } from "../../errors.ts";
import { derReader, readSingle, tags } from "../../pki/der/read.ts";
import { smallIntegerOf } from "../../pki/der/values.ts";
import { integer, sequence } from "../../pki/der/write.ts";

/** Bytes of a response: a token with a chain of certificates has some thousand. */
export const MAX_RESPONSE = 64 << 10;

const WHAT = "time-stamp response";

/**
 * A token as a store keeps it: in a response that says `granted` and nothing more. Nothing signs what an
 * authority says beside its token, so it has one form there.
 */
export function keptResponse(token: Uint8Array): Uint8Array {
  return sequence(sequence(integer(0)), token);
}

/**
 * The token in a TimeStampResp (RFC 3161 section 2.4.2), or the token itself where that is what it is.
 * @throws FleetsecError `input` where there is none
 */
export function readToken(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_RESPONSE)
    throw new FleetsecError("input", `the ${WHAT} has more than ${MAX_RESPONSE} bytes`);
  const outer = derReader(readSingle(bytes, tags.sequence, WHAT).contents, WHAT);
  // a ContentInfo begins with its type
  if (outer.peek() === tags.oid) return bytes;
  const status = derReader(outer.next(tags.sequence).contents, WHAT);
  const granted = smallIntegerOf(status.next(tags.integer), WHAT);
  if (granted > 1) throw new FleetsecError("input", `the time-stamping authority refused: status ${granted}`);
  const token = outer.next(tags.sequence).raw;
  outer.end();
  return token;
}
