import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { closeServer, listen } from "../../platform/listen.ts";
import { MAX_REQUEST } from "./request.ts";
import type { OcspAnswer, Responder } from "./responder.ts";

export interface OcspServerOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** What the path of a GET begins with, before the request in base64: that of the URL in certificates. */
  readonly path: string;
}

export interface OcspServer {
  readonly port: number;
  close(): Promise<void>;
}

/** OCSP over HTTP (RFC 6960 appendix A, with the caching of RFC 5019 section 6). @throws FleetsecError `input` */
export async function startOcspServer(
  options: OcspServerOptions,
  responder: Pick<Responder, "respond">,
): Promise<OcspServer> {
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 20_000,
      keepAliveTimeout: 5_000,
      // a GET carries the request in its path: in base64, with each character escaped
      maxHeaderSize: 4 * MAX_REQUEST + 8_192,
    },
    (request, response) => {
      void serve(request, response, options, responder);
    },
  );
  server.maxConnections = 1_000;
  const port = await listen(server, options.host, options.port);
  return { port, close: () => closeServer(server) };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { path }: OcspServerOptions,
  responder: Pick<Responder, "respond">,
): Promise<void> {
  if (request.method === "GET") {
    request.resume();
    const der = requestInPath(request.url ?? "", path);
    answer(response, await responder.respond(der), true);
  } else if (request.method === "POST") {
    const [type = ""] = (request.headers["content-type"] ?? "").split(";");
    if (type.trim().toLowerCase() !== "application/ocsp-request") return refuse(response, 415);
    const der = await bodyOf(request);
    if (der === undefined) refuse(response, 413);
    else answer(response, await responder.respond(der), false);
  } else {
    response.setHeader("allow", "GET, POST");
    refuse(response, 405);
  }
}

/**
 * `PATH/BASE64`, escaped as URLs are; empty, which is no request, for anything else. Clients put the slash there
 * (RFC 6960 appendix A.1), also behind a path that ends with one; no request begins with it.
 */
function requestInPath(url: string, path: string): Uint8Array {
  const prefix = url.startsWith(path) ? path : "/";
  try {
    const base64 = decodeURIComponent(url.slice(prefix.length).replace(/^\/+/, ""));
    const der = Buffer.from(base64, "base64");
    // Buffer passes over what is not base64: only what it gives back unchanged was
    return der.toString("base64") === base64 ? der : NOTHING;
  } catch {
    // URIError: the escapes are no UTF-8
    return NOTHING;
  }
}

const NOTHING = new Uint8Array(0);

/** Undefined for one that is too long, or that the client broke off. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    // the connection must last for the answer
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > MAX_REQUEST) return undefined;
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch {
    return undefined;
  }
}

function answer(response: ServerResponse, { der, cache }: OcspAnswer, isGet: boolean): void {
  const headers: Record<string, string | number> = {
    "content-type": "application/ocsp-response",
    "content-length": der.length,
  };
  if (isGet && cache !== undefined) {
    const { producedAt, nextUpdate } = cache;
    const seconds = Math.floor((nextUpdate - producedAt) / 1000);
    headers["cache-control"] = `max-age=${seconds}, public, no-transform, must-revalidate`;
    headers["last-modified"] = new Date(producedAt).toUTCString();
    headers["expires"] = new Date(nextUpdate).toUTCString();
    headers["etag"] = `"${createHash("sha256").update(der).digest("hex")}"`;
  } else headers["cache-control"] = "no-store";
  response.writeHead(200, headers).end(der);
}

function refuse(response: ServerResponse, status: number): void {
  // what is left of the request is not read
  response.writeHead(status, { connection: "close", "content-length": 0 }).end();
}
