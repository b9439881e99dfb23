import { type Answer, NAMES_HTTP3 } from "../answer.ts";
import type { Channel } from "../exchange.ts";
import { hostPort, type Target } from "../target.ts";
import { decoded } from "./content-coding.ts";
import { isGrpc, statusAnswer } from "./grpc-status.ts";

/** What a client asks an HTTP server for, whatever the version of HTTP. */
export interface HttpRequest {
  readonly method: string;
  /** `Host` in HTTP/1.1, `:authority` in HTTP/2. */
  readonly authority: string;
  readonly path: string;
  /** Fields beside those that every request has; names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | undefined;
  /** Written in place of HTTP/1.1; nothing to HTTP/2. */
  readonly version?: "1.0";
  /** HTTP/1.0 asks without it; nothing to HTTP/2. */
  readonly withoutHost?: true;
}

/** The request that a target is asked with. */
export function requestTo(target: Target): HttpRequest {
  const { method, path, fields, body, port } = target;
  const authority = hostPort(target);
  return {
    method,
    authority: port === 443 ? authority.slice(0, -":443".length) : authority,
    path,
    fields: [
      ["user-agent", "fleetsec-probe"],
      ["accept", "*/*"],
      ...fields,
      ...(body === undefined ? [] : [["content-type", body.type] as const]),
    ],
    body: body?.bytes,
  };
}

/** What is granted is decided by its status; an endless body (server-sent events) is not waited for. Milliseconds. */
export const BODY_WAIT = 1000;
/** A denial may hand out in the end what it denies: its body is waited for as long as the slowest answer is. */
export const DENIAL_WAIT = 10_000;

/** Milliseconds that the rest of a response may take, once its head has come. @param status undefined while it has not */
export function bodyWait(status: number | undefined, { denialWait }: Pick<Channel, "denialWait">): number {
  return status === undefined || meaningOf(status) === "granted" ? BODY_WAIT : denialWait;
}

/** A response as far as it has come, whatever the version of HTTP. */
export interface HttpMessage {
  readonly status: number;
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  readonly trailers: ReadonlyMap<string, string>;
  /** Of each line of both, where a name is repeated too. */
  readonly values: readonly string[];
  readonly body: Uint8Array;
  readonly complete: boolean;
}

/**
 * 495 and 496 are nginx's for a wrong and a missing certificate. A redirect's target counts as its
 * content: one leads to the page, another to the login.
 */
export function httpAnswer(message: HttpMessage): Answer {
  const { status, fields, values, complete } = message;
  const ofCall = isGrpc(fields) ? statusAnswer(message) : undefined;
  if (ofCall !== undefined) return ofCall;
  const body = decoded(message.body, fields.get("content-encoding"));
  const location = fields.get("location");
  const meaning = meaningOf(status);
  return {
    label: `HTTP ${status}`,
    meaning,
    ...(complete || meaning === "granted" ? {} : { goesOn: true }),
    content: location === undefined ? body : Buffer.concat([Buffer.from(`${location}\n`), body]),
    cookies: cookiesIn(fields),
    traits: TRAITS.flatMap((name) => {
      const value = fields.get(name);
      return value === undefined || value === "0" ? [] : [`${name}: ${value}`];
    }),
    ...(/\bh3(-\d+)?=/.test(fields.get("alt-svc") ?? "") ? { notice: NAMES_HTTP3 } : {}),
    aside: values,
  };
}

/** More than that is no session: what is sent back should fit into a request. */
const MAX_COOKIES = 8;

/** RFC 6265, section 5.2; of values that no field can hold, none. @param fields those of several lines joined by line breaks */
export function cookiesIn(fields: ReadonlyMap<string, string>): string[] {
  const pairs = (fields.get("set-cookie") ?? "").split("\n").map((line) => line.split(";")[0]?.trim() ?? "");
  return pairs.filter((pair) => /^[!-<>-~]+=[ -~]{0,1024}$/.test(pair)).slice(0, MAX_COOKIES);
}

/** The same request with these cookies. */
export function withCookie(request: HttpRequest, cookies: readonly string[]): HttpRequest {
  if (cookies.length === 0) return request;
  const own = request.fields.flatMap(([name, value]) => (name === "cookie" ? [value] : []));
  const others = request.fields.filter(([name]) => name !== "cookie");
  return { ...request, fields: [...others, ["cookie", [...own, ...cookies].join("; ")]] };
}

/** In an answer to HEAD too (RFC 9110, section 9.3.2). */
const TRAITS = ["content-length", "etag", "last-modified"];

function meaningOf(status: number): Answer["meaning"] {
  if ((status >= 200 && status < 300) || status === 101) return "granted";
  if (status === 401) return "challenged";
  if (status === 408 || status === 429 || status >= 500)
    return [495, 496].includes(status) ? "denied" : "overloaded";
  return [400, 403, 421, 495, 496].includes(status) ? "denied" : "other";
}
