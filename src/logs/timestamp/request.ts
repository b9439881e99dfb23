import { createHash } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import type { SendHttp } from "../../platform/patient-http.ts";
import { boolean, integer, nullValue, octetString, oid, sequence } from "../../pki/der/write.ts";
import { oids } from "../../pki/oids.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import { keptResponse, MAX_RESPONSE, readToken } from "./response.ts";
import { type TimeStamp, verifyToken } from "./verify-token.ts";

export interface StampParts {
  readonly send: SendHttp;
  readonly random: (length: number) => Uint8Array;
  readonly signal: AbortSignal;
}

const TIMEOUT = 30_000;

/**
 * Has a time-stamping authority stamp data (RFC 3161 over HTTP, section 3.4). The response is in the form
 * in which a store keeps it.
 * @param anchors the certificates of authorities that are trusted: what does not verify is not used
 * @throws FleetsecError `unreachable` where no token comes that holds
 */
export async function requestToken(
  url: URL,
  data: Uint8Array,
  anchors: readonly Certificate[],
  { send, random, signal }: StampParts,
): Promise<{ readonly response: Buffer; readonly stamp: TimeStamp }> {
  // positive and minimal whatever the random bytes are
  const nonce = Uint8Array.from([0x40, ...random(15)]);
  const answer = await send({
    method: "POST",
    url,
    headers: { "content-type": "application/timestamp-query" },
    body: encodeRequest(data, nonce),
    timeout: TIMEOUT,
    maxBody: MAX_RESPONSE,
    signal,
  });
  if (answer.status !== 200) throw unusable(url, `it answers ${answer.status}`);
  const verdict = verifyToken(answer.body, data, anchors);
  if (!verdict.ok) throw unusable(url, verdict.detail);
  const { stamp } = verdict;
  if (stamp.nonce === undefined || Buffer.compare(stamp.nonce, nonce) !== 0) {
    throw unusable(url, "it answers another request than ours");
  }
  return { response: Buffer.from(keptResponse(readToken(answer.body))), stamp };
}

/** TimeStampReq, which asks for the certificates too. */
export function encodeRequest(data: Uint8Array, nonce: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update(data).digest();
  return sequence(
    integer(1),
    sequence(sequence(oid(oids.sha256), nullValue()), octetString(digest)),
    integer(nonce),
    boolean(true),
  );
}

function unusable(url: URL, detail: string): FleetsecError {
  return new FleetsecError("unreachable", `${url.href} gives no time-stamp that holds: ${detail}`, {
    hint: "check the URL, and that --tsa-ca has the certificate of that authority's root",
  });
}
