import { FleetsecError } from "../../errors.ts";
import type { HttpAnswer } from "../../platform/http.ts";
import type { SendHttp } from "../../platform/patient-http.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import { isCurrent, isPresent } from "./conflict.ts";
import type { AnchorPlace } from "./place.ts";

const TIMEOUT = 30_000;

/**
 * A URL that gives one checkpoint, the newest that was published there. It is published by PUT, and
 * read back.
 * @param token sent as a bearer token (RFC 6750) when publishing
 */
export function httpPlace(send: SendHttp, url: URL, token: string | undefined): AnchorPlace {
  const get = async (): Promise<Uint8Array | undefined> => {
    const answer = await send({ method: "GET", url, timeout: TIMEOUT, maxBody: MAX_NOTE_SIZE });
    if (answer.status === 404 || answer.status === 410) return undefined;
    if (answer.status !== 200) throw refusedBy(url, answer);
    return answer.body;
  };
  return {
    source: url.href,
    async *notes() {
      const bytes = await get();
      if (bytes === undefined) {
        throw new FleetsecError("unreachable", `there is no checkpoint at ${url.href}: it answers 404`);
      }
      yield { source: url.href, bytes, named: true };
    },
    async beside() {
      const bytes = await get();
      return bytes === undefined ? [] : [{ source: url.href, bytes, named: true }];
    },
    async publish(checkpoint) {
      if (isCurrent(await get(), checkpoint, url.href)) return { outcome: "present", at: url.href };
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const answer = await send({
        method: "PUT",
        url,
        headers: { "content-type": "text/plain; charset=utf-8", ...authorization },
        body: checkpoint.note,
        timeout: TIMEOUT,
        maxBody: MAX_NOTE_SIZE,
      });
      if (answer.status < 200 || answer.status > 299) throw refusedBy(url, answer);
      if (isPresent(await get(), checkpoint, url.href)) return { outcome: "published", at: url.href };
      throw new FleetsecError("unreachable", `${url.href} took the checkpoint and does not give it back`);
    },
  };
}

function refusedBy(url: URL, { status }: HttpAnswer): FleetsecError {
  const redirects = status >= 300 && status < 400;
  return new FleetsecError("unreachable", `${url.href} answers ${status}`, {
    hint: redirects
      ? "redirects are not followed: name the URL that it leads to"
      : "check the URL, and the token",
  });
}
