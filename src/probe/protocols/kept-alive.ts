import type { Answer } from "../answer.ts";
import type { Channel } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import type { Speech } from "../speech.ts";
import { cookiesIn, httpAnswer, type HttpRequest, withCookie } from "./http.ts";
import { type HttpResponse, parseResponse } from "./http1.ts";
import { https, readResponse, requestText } from "./https.ts";

/**
 * The same request twice on one HTTP/1.1 connection that is kept alive (RFC 9112, section 9.3), after one for
 * something else. The last one brings the cookies that the others were handed out. The answer is the best that the
 * later two were given.
 * @param atOnce all in one write, which a server may read in one piece (RFC 9112, section 9.3.2)
 */
export function keptAlive(request: HttpRequest, atOnce = false): Protocol {
  const requests = sequenceTo(request);
  return {
    ...https(request),
    http: { request, ask: (other) => keptAlive(other, atOnce) },
    speech: { in: "http1-kept-alive", requests, atOnce },
    answer({ received, end }) {
      const over = end === "closed" || end === "reset";
      const [first, ...later] = responsesTo(requests, received, over);
      const answers = later.map(httpAnswer);
      const best = bestOf(answers);
      if (best !== undefined || first === undefined) return best;
      if (!first.complete) return httpAnswer(first).goesOn === true ? blockedBy(first) : undefined;
      if (over) return NOT_KEPT;
      return atOnce ? LEFT_UNREAD : undefined;
    },
  };
}

/** For whom asks: what was granted, otherwise the last word. */
export function bestOf(answers: readonly (Answer | undefined)[]): Answer | undefined {
  const given = answers.filter((answer) => answer !== undefined);
  return given.find(({ meaning }) => meaning === "granted") ?? given.at(-1);
}

/** To where rules about certificates are most often left out, then to the target. */
export function sequenceTo(request: HttpRequest): HttpRequest[] {
  const other = { ...request, method: "GET", body: undefined, path: request.path === "/" ? "/health" : "/" };
  return [other, request, request];
}

/** That a connection ends after one request is a refusal of further ones. */
export const NOT_KEPT: Answer = {
  label: "closed after the first request",
  meaning: "ended",
  content: new Uint8Array(),
};

/** Responses come in the order of the requests (RFC 9112, section 9.3.2): behind one without an end comes no other. */
function blockedBy({ status }: HttpResponse): Answer {
  return {
    label: `HTTP ${status} to the first request, without an end`,
    meaning: "ended",
    content: new Uint8Array(),
    goesOn: true,
  };
}

/** What a valid client gets in this way will tell whether that is for everybody. */
const LEFT_UNREAD: Answer = {
  label: "an answer to the first request alone",
  meaning: "overloaded",
  content: new Uint8Array(),
};

export async function converseKeptAlive(
  { requests, atOnce }: Extract<Speech, { in: "http1-kept-alive" }>,
  channel: Channel,
  wait: number,
): Promise<void> {
  const textOf = (request: HttpRequest, i: number) => {
    const kept = i < requests.length - 1 ? [["connection", "keep-alive"] as const] : [];
    return requestText({ ...request, fields: [...request.fields, ...kept] });
  };
  if (atOnce) channel.write(Buffer.concat(requests.map(textOf)));
  for (const [i, request] of requests.entries()) {
    const before = responsesTo(requests, channel.received(), channel.over());
    const cookies = i === requests.length - 1 ? before.flatMap(({ fields }) => cookiesIn(fields)) : [];
    if (!atOnce) channel.write(textOf(withCookie(request, cookies), i));
    const response = () => responsesTo(requests, channel.received(), channel.over())[i];
    await readResponse(channel, wait, response);
    if (response()?.end === undefined) return;
  }
}

/** As far as they have come, in the order of the requests. */
function responsesTo(requests: readonly HttpRequest[], bytes: Uint8Array, ended: boolean): HttpResponse[] {
  const responses: HttpResponse[] = [];
  let at: number | undefined = 0;
  for (const { method } of requests) {
    if (at === undefined) break;
    const response = parseResponse(bytes.subarray(at), ended, method === "HEAD");
    if (response === undefined) break;
    responses.push(response);
    at = response.end === undefined ? undefined : at + response.end;
  }
  return responses;
}
