import type { Agent, IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import { FleetsecError } from "../errors.ts";
import { nodeZlib } from "./builtins.ts";

/** One request to a service, over HTTPS or, where the URL says so, HTTP. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** PEM of what the server's certificate must come from; Node's own roots unless told. */
  readonly ca?: readonly string[] | undefined;
  /** What this side shows in TLS, PEM. */
  readonly identity?: { readonly cert: string; readonly key: string } | undefined;
  /** Milliseconds from the first byte out to the last byte in. */
  readonly timeout: number;
  /** Bytes of the answer's body, after decompression; more is an error. */
  readonly maxBody: number;
  /** More is no error: the first `maxBody` bytes are given, and the rest is not read. */
  readonly cutBody?: boolean;
  /** Keeps the connection for further requests to that server that say so too. */
  readonly keepAlive?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Any answer, whatever its status. Redirections are answers too: none is followed. */
export interface HttpAnswer {
  readonly status: number;
  /** By their names in lower case; of a header that came twice, the values with commas between. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** Connections that are kept, by protocol; Node lets a process end in spite of idle ones. */
const agents = new Map<string, Agent>();
/** Connections to one server at a time. */
const MAX_SOCKETS = 16;

/**
 * Sends one request, on a connection of its own unless told. The server's certificate is checked, its name too.
 * @throws FleetsecError `unreachable` where no whole answer came: name, connection, TLS, time, size
 */
export async function httpRequest(request: HttpRequest): Promise<HttpAnswer> {
  const { url, timeout, signal } = request;
  const { request: start, Agent: Kind } = await (url.protocol === "http:"
    ? import("node:http")
    : import("node:https"));
  const end = AbortSignal.timeout(timeout);
  const stop = signal === undefined ? end : AbortSignal.any([signal, end]);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = start(url, { ...optionsOf(request, stop), agent: agentOf(request, Kind) }, resolve);
      sent.on("error", reject);
      sent.end(request.body);
    });
    const body = await bodyOf(response, request);
    // a body that lasts until the connection ends looks whole to Node when this side breaks off
    stop.throwIfAborted();
    return { status: response.statusCode ?? 0, headers: flat(response.headers), body };
  } catch (cause) {
    if (cause instanceof FleetsecError) throw cause;
    if (signal?.aborted === true) throw signal.reason;
    throw unreachable(request, end.aborted ? undefined : cause);
  }
}

function optionsOf(
  { method, headers, body, ca, identity }: HttpRequest,
  signal: AbortSignal,
): RequestOptions {
  return {
    method,
    signal,
    minVersion: "TLSv1.2",
    maxHeaderSize: MAX_HEADERS,
    headers: {
      "accept-encoding": "gzip, identity",
      "user-agent": "fleetsec",
      ...headers,
      ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    },
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(identity === undefined ? {} : identity),
  };
}

const MAX_HEADERS = 16 << 10;

function agentOf({ url, keepAlive }: HttpRequest, Kind: new (options: object) => Agent): Agent | false {
  if (keepAlive !== true) return false;
  const agent = agents.get(url.protocol) ?? new Kind({ keepAlive: true, maxSockets: MAX_SOCKETS });
  agents.set(url.protocol, agent);
  return agent;
}

function flat(headers: IncomingMessage["headers"]): HttpAnswer["headers"] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}

/** The body without its compression, which a server may use though nobody asked for any other. */
function decoded(response: IncomingMessage): AsyncIterable<Buffer> {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return response as AsyncIterable<Buffer>;
  if (encoding !== "gzip") throw new Error(`its answer is encoded as ${encoding.slice(0, 40)}`);
  const gunzip = nodeZlib().createGunzip();
  response.once("error", (error) => gunzip.destroy(error));
  return response.pipe(gunzip) as AsyncIterable<Buffer>;
}

async function bodyOf(response: IncomingMessage, { url, maxBody, cutBody }: HttpRequest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of decoded(response)) {
    length += chunk.length;
    if (length > maxBody) {
      response.destroy();
      if (cutBody === true) return Buffer.concat([...chunks, chunk]).subarray(0, maxBody);
      throw new FleetsecError("unreachable", `${url.host} answers with more than ${maxBody} bytes`, {
        hint: "check that the address is that of the service",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @param cause undefined where the time ran out */
function unreachable({ url, timeout }: HttpRequest, cause: unknown): FleetsecError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  const [what, hint] =
    cause === undefined
      ? [`did not answer within ${timeout / 1000} s`, "see whether the service is up and not overloaded"]
      : (FAULTS.find(([pattern]) => pattern.test(code))?.slice(1) ?? [
          `cannot be asked: ${(cause as Error).message}`,
          "check the address, and that the service is up",
        ]);
  return new FleetsecError("unreachable", `${url.host} ${String(what)}`, { hint: String(hint), cause });
}

/** Codes of Node's sockets, resolver and TLS, with what they mean here and what to do. */
const FAULTS: readonly (readonly [RegExp, string, string])[] = [
  [/^ECONNREFUSED$/, "refuses connections", "see whether the service is up and listens there"],
  [/^(ENOTFOUND|EAI_AGAIN)$/, "does not resolve", "check the name, or use an IP address"],
  [
    /^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT)/,
    "shows a certificate that is not trusted, or not for this name",
    "name the CA of the service's own certificate in the configuration, and the address as in that certificate",
  ],
  [
    /^(ERR_SSL_WRONG_VERSION_NUMBER|EPROTO)$/,
    "does not speak TLS here, or refuses this client",
    "check https or http in the address, and the client certificate",
  ],
  [
    /^ERR_(SSL|OSSL|TLS)_/,
    "breaks off the TLS handshake",
    "check the client certificate, and the TLS versions of the service",
  ],
  [/^(ECONNRESET|EPIPE|HPE_)/, "breaks off without an answer", "see the log of the service"],
  [/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/, "cannot be reached", "check the network and the address"],
];
