import { constants, hash } from "node:crypto";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Files } from "../platform/files.ts";
import { closeServer, listen } from "../platform/listen.ts";
import type { Clock } from "../platform/platform.ts";
import { authorize, POLICY_ID } from "./authorize.ts";
import { type CredentialFiles, readCredentials } from "./credentials.ts";
import { type EventSink, type GatewayEvent, identityRecord } from "./events.ts";
import { type Identity, identityOf } from "./identity.ts";
import { faultOfTarget, passedOn, upstreamHeaders } from "./request.ts";

export interface GatewayOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  readonly credentials: CredentialFiles;
  /** Application roles that may pass. */
  readonly allowedRoles: readonly string[];
  /** Where requests go; without it the gateway answers itself with what it knows of the client. */
  readonly upstream?: { readonly host: string; readonly port: number };
}

export interface GatewayPlatform {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
}

export interface Gateway {
  readonly port: number;
  /**
   * Reads the credentials again; where they have changed, new connections get them and idle ones
   * are closed. @returns whether they had changed. @throws where they cannot be read; the old ones stay
   */
  reload(): boolean;
  /** Stops accepting, lets requests in flight finish for a moment, and closes. */
  close(): Promise<void>;
}

/** Bytes of a request's body. */
const MAX_BODY = 10 << 20;

/**
 * An mTLS gateway on Node alone, for development and tests. TLS itself refuses a client without a
 * valid certificate; no session can be resumed, so every connection shows its certificate.
 * @throws FleetsecError for credentials that cannot be read and an address that cannot be listened on
 */
export async function startGateway(
  options: GatewayOptions,
  platform: GatewayPlatform,
  emit: EventSink,
): Promise<Gateway> {
  let credentials = readCredentials(platform.files, options.credentials);
  const server = createServer({
    ...contextOf(credentials.context),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: 5_000,
    headersTimeout: 10_000,
    requestTimeout: 60_000,
    maxHeaderSize: 16_384,
    ALPNProtocols: ["http/1.1"],
  });
  server.maxConnections = 1_000;
  const record = recorder(platform, emit);
  server.on("secureConnection", (socket) => welcome(socket, record));
  server.on("tlsClientError", (error, socket) => turnAway(error, socket, record));
  server.on("request", (request, response) => serve(request, response, options, platform, record));
  const port = await listen(server, options.host, options.port);
  return {
    port,
    reload() {
      const read = readCredentials(platform.files, options.credentials);
      if (read.fingerprint === credentials.fingerprint) return false;
      server.setSecureContext(contextOf(read.context));
      credentials = read;
      server.closeIdleConnections();
      return true;
    },
    close: () => closeServer(server),
  };
}

function contextOf(context: object): object {
  // no tickets, and Node keeps no sessions of its own: nothing can be resumed
  return { ...context, minVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET };
}

type Recorder = (
  event: Omit<GatewayEvent, "timestamp" | "service" | "request_id">,
  requestId?: string,
) => boolean;

function recorder({ clock, random }: GatewayPlatform, emit: EventSink): Recorder {
  return (event, requestId = newId(random)) =>
    emit({
      timestamp: new Date(clock.now()).toISOString(),
      service: "fleetsec-gateway",
      request_id: requestId,
      ...event,
    });
}

function newId(random: (length: number) => Uint8Array): string {
  return Buffer.from(random(16)).toString("hex");
}

function welcome(socket: TLSSocket, record: Recorder): void {
  const identity = identityOf(socket);
  if (identity === undefined) {
    // cannot be, with rejectUnauthorized; if it ever is, nothing is served
    socket.destroy();
    return;
  }
  const recorded = record({
    event_type: "authentication",
    result: "success",
    identity: { ...identityRecord(identity), sha256: hash("sha256", identity.certificate) },
    ...remote(socket),
  });
  if (!recorded) socket.destroy();
}

function turnAway(error: Error, socket: TLSSocket, record: Recorder): void {
  const reason =
    (socket.authorizationError as unknown as string | null) ?? (error as NodeJS.ErrnoException).code;
  record({
    event_type: "authentication",
    result: "failure",
    reason: reason ?? error.message,
    ...remote(socket),
  });
  socket.destroy();
}

function remote(socket: TLSSocket): { remote_address?: string } {
  return socket.remoteAddress === undefined ? {} : { remote_address: socket.remoteAddress };
}

function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: GatewayOptions,
  platform: GatewayPlatform,
  record: Recorder,
): void {
  const identity = identityOf(request.socket as TLSSocket);
  if (identity === undefined) {
    request.socket.destroy();
    return;
  }
  const { method = "", url = "" } = request;
  const id = newId(platform.random);
  const fault = faultOfTarget(url);
  const decision =
    fault === undefined
      ? authorize(identity, options.allowedRoles, platform.clock.now())
      : { allow: false, reason: fault };
  const recorded = record(
    {
      event_type: "authorization",
      identity: identityRecord(identity),
      policy_id: POLICY_ID,
      decision: decision.allow ? "allow" : "deny",
      reason: decision.reason,
      method,
      path: url.slice(0, 2_048),
    },
    id,
  );
  if (!recorded) answer(response, 503, { error: "no audit", request_id: id });
  else if (!decision.allow)
    answer(response, fault === undefined ? 403 : 400, { error: decision.reason, request_id: id });
  else if (options.upstream === undefined)
    answer(response, 200, { ...identityRecord(identity), spiffeId: identity.spiffeId });
  else forward(request, response, options.upstream, identity, id);
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  upstream: { readonly host: string; readonly port: number },
  identity: Identity,
  id: string,
): void {
  const outgoing = httpRequest({
    ...upstream,
    method: request.method,
    path: request.url,
    headers: upstreamHeaders(request, identity, id),
    timeout: 30_000,
  });
  const fail = (status: number, error: string) => {
    outgoing.destroy();
    if (response.headersSent) response.destroy();
    else answer(response, status, { error, request_id: id });
  };
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received > MAX_BODY) fail(413, "the body is too large");
  });
  outgoing.on("timeout", () => fail(504, "the upstream does not answer"));
  outgoing.on("error", () => fail(502, "the upstream cannot be reached"));
  outgoing.on("response", (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, passedOn(incoming.headers));
    incoming.pipe(response);
    incoming.on("error", () => response.destroy());
  });
  response.on("close", () => outgoing.destroy());
  request.pipe(outgoing);
}
