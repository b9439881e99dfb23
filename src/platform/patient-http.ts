import { FleetsecError } from "../errors.ts";
import type { HttpAnswer, HttpRequest } from "./http.ts";
import type { Network } from "./network.ts";
import type { Clock } from "./platform.ts";

/** Sends a request, like the platform's network does. */
export type SendHttp = (request: HttpRequest) => Promise<HttpAnswer>;

/** Attempts in all. */
const ATTEMPTS = 5;
/** Milliseconds before the second attempt; each further pause is twice as long. */
const FIRST_PAUSE = 250;
/** The longest pause that a server's Retry-After is granted, in seconds. */
const MAX_RETRY_AFTER = 30;

/** Answers that another attempt may better (RFC 9110 sections 15.6.3 to 15.6.5, RFC 6585 section 4). */
const PASSING: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/**
 * Sends requests again where the server is busy or cannot be reached, with pauses that grow. For
 * requests that may arrive twice. Once they took more than half the time that one is given, there is no other: a
 * server that falls silent is not waited for again and again.
 * @throws FleetsecError `unreachable` where the last attempt fails as the first did
 */
export function patient(
  network: Pick<Network, "request">,
  clock: Pick<Clock, "sleep" | "monotonic">,
): SendHttp {
  return async (request) => {
    let spent = 0;
    for (let attempt = 1; ; attempt += 1) {
      const begun = clock.monotonic();
      let answer: HttpAnswer | undefined;
      let failure: unknown;
      try {
        answer = await network.request(request);
      } catch (error) {
        if (!(error instanceof FleetsecError) || error.code !== "unreachable") throw error;
        failure = error;
      }
      if (answer !== undefined && !PASSING.has(answer.status)) return answer;
      spent += clock.monotonic() - begun;
      if (attempt === ATTEMPTS || spent > request.timeout / 2) {
        if (answer === undefined) throw failure;
        throw new FleetsecError(
          "unreachable",
          `${request.url.host} answers ${answer?.status} again and again`,
        );
      }
      await clock.sleep(pauseOf(attempt, answer), request.signal);
    }
  };
}

function pauseOf(attempt: number, answer: HttpAnswer | undefined): number {
  const asked = answer?.headers["retry-after"] ?? "";
  const seconds = /^\d{1,6}$/.test(asked) ? Math.min(Number(asked), MAX_RETRY_AFTER) : 0;
  // jitter, so that requests that failed together do not come together again
  return Math.max(seconds * 1000, FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + Math.random()));
}
