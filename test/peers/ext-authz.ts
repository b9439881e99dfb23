import { createServer, type ServerHttp2Stream } from "node:http2";
import { decode, encodeBytes, encodeStruct, encodeVarint, message, text } from "./protobuf.ts";

/**
 * OPA's Envoy plugin in small, for tests: it serves envoy.service.auth.v3.Authorization/Check, turns
 * the CheckRequest into the input that the plugin documents, and asks a real OPA. The plugin itself
 * is in images of its own, which a machine without a container engine cannot run.
 */
export interface ExtAuthz {
  /** The inputs that OPA was asked about. */
  readonly inputs: readonly object[];
  stop(): Promise<void>;
}

interface Decision {
  readonly allowed: boolean;
  readonly http_status: number;
  readonly dynamic_metadata: object;
}

const PERMISSION_DENIED = 7;

export async function startExtAuthz(port: number, opa: number): Promise<ExtAuthz> {
  const inputs: object[] = [];
  const server = createServer();
  server.on("stream", (stream) => {
    answer(stream, opa, inputs).catch((error: unknown) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () =>
        stream.sendTrailers({ "grpc-status": "13", "grpc-message": String(error) }),
      );
      stream.end();
    });
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    inputs,
    stop: () =>
      new Promise((resolve) => {
        for (const session of sessions) session.destroy();
        server.close(() => resolve());
      }),
  };
}

async function answer(stream: ServerHttp2Stream, opa: number, inputs: object[]): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const frame = Buffer.concat(chunks);
  const input = pluginInput(frame.subarray(5, 5 + frame.readUInt32BE(1)));
  inputs.push(input);
  const reply = await fetch(`http://127.0.0.1:${opa}/v1/data/fleet/envoy/decision`, {
    method: "POST",
    body: JSON.stringify({ input }),
  });
  const { result } = (await reply.json()) as { result?: Decision };
  // the plugin fails the call where the decision is undefined
  if (result === undefined) throw new Error("undefined decision");
  const response = checkResponse(result);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(response.length, 1);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.concat([head, response]));
}

/** Field numbers of envoy/service/auth/v3/attribute_context.proto; names as the plugin gives them. */
function pluginInput(checkRequest: Buffer): object {
  const attributes = message(decode(checkRequest)(1));
  const source = message(attributes(1));
  const http = message(message(attributes(4))(2));
  const headers = http(3).map((entry) => {
    const pair = message([entry]);
    return [text(pair(1)), text(pair(2))];
  });
  const path = text(http(4));
  const [rawPath = "", query = ""] = path.split("?", 2);
  return {
    attributes: {
      source: { principal: text(source(4)), certificate: text(source(5)) },
      request: {
        http: {
          id: text(http(1)),
          method: text(http(2)),
          headers: Object.fromEntries(headers) as object,
          path,
          host: text(http(5)),
          scheme: text(http(6)),
          protocol: text(http(10)),
        },
      },
    },
    parsed_path: decodeURIComponent(rawPath).replace(/^\/+/, "").split("/"),
    parsed_query: Object.fromEntries(
      [...new URLSearchParams(query).keys()].map((key) => [key, new URLSearchParams(query).getAll(key)]),
    ),
    version: { ext_authz: "v3", encoding: "protojson" },
  };
}

/** Field numbers of envoy/service/auth/v3/external_auth.proto. */
function checkResponse({ allowed, http_status: status, dynamic_metadata: metadata }: Decision): Buffer {
  const denied = encodeBytes(2, encodeBytes(1, encodeVarint(1, status)));
  return Buffer.concat([
    encodeBytes(1, allowed ? Buffer.alloc(0) : encodeVarint(1, PERMISSION_DENIED)),
    allowed ? encodeBytes(3, Buffer.alloc(0)) : denied,
    encodeBytes(4, encodeStruct(metadata)),
  ]);
}
